"""What the zoo does, shown on real digits and photographs, without a network.

`run` computes, `draw` makes one picture of what it found:

    from ae_zoo.demo import draw, run

    draw(run()).savefig("ae_zoo_demo.png")
"""

from ae_zoo.demo.compute import Demo, run
from ae_zoo.demo.digits import load_digits
from ae_zoo.demo.picture import draw

__all__ = ["Demo", "draw", "load_digits", "run"]
