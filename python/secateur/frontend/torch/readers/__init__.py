"""One file per family of ATen operators: arguments in, one call of a lowering function. Importing this
package fills the registry."""

from secateur.frontend.torch.readers import (
    activation,
    attention,
    conv,
    elementwise,
    linear,
    norm,
    pool,
    select,
    shape,
)
from secateur.frontend.torch.registry import READERS

_FILES = (activation, attention, conv, elementwise, linear, norm, pool, select, shape)
__all__ = ["READERS"]
