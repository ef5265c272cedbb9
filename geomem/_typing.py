"""Shapes and dtypes in signatures: jaxtyping where it is installed, plain array types where not.

``Float[Tensor, "batch d"]`` says that an argument is a floating-point tensor with two axes. The tests
check it at run time (jaxtyping with beartype); without jaxtyping it is an ordinary ``Tensor``.
"""

__all__ = ["Float", "Int"]

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Annotated as Float
    from typing import Annotated as Int
else:
    try:
        from jaxtyping import Float, Int
    except ImportError:

        class Float:
            """Stand-in for jaxtyping: ``Float[Tensor, "batch d"]`` is ``Tensor``."""

            def __class_getitem__(cls, item: tuple[type, str]) -> type:
                return item[0]

        Int = Float
