"""The families. Each file is one: start reading anywhere."""

from ae_zoo import registry

# Of each file its function of the same name, in the place of the module.
globals().update({name: registry.family(name).build for name in registry.built_in()})

__all__ = sorted(registry.built_in())
