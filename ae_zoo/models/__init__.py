"""The families, one in each file: start reading anywhere."""

from ae_zoo import registry

# Each name is the function of the file of that name, not the module.
globals().update({name: registry.family(name).build for name in registry.built_in()})

__all__ = sorted(registry.built_in())
