"""A demo of the zoo on real digits and photographs, without internet access.

`run` computes results, `draw` draws them in one picture:

    from ae_zoo.demo import draw, run

    draw(run()).savefig("ae_zoo_demo.png")
"""

from ae_zoo.demo.compute import Demo, run
from ae_zoo.demo.digits import load_digits
from ae_zoo.demo.picture import draw

__all__ = ["Demo", "draw", "load_digits", "run"]
