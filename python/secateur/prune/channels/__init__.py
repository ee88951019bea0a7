"""Channel pruning: which channels belong together, and taking them out.

`trace` walks the ATen graph of torch.export and follows every single channel from the layer that makes
it (`lineage`, `rules`); `groups` collects the channels that must go together; `surgery` rewrites the
modules. The idea of dependency groups: Fang et al., "DepGraph: towards any structural pruning",
CVPR 2023. Here the unit is one channel, not one tensor, so shortcuts that pad or concatenate channels
couple just the channels they join.
"""

from secateur.prune.channels.groups import ChannelGroup, find_groups
from secateur.prune.channels.surgery import remove_channels
from secateur.prune.channels.trace import trace_channels

__all__ = ["ChannelGroup", "find_groups", "remove_channels", "trace_channels"]
