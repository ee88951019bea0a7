"""Small networks with the shapes that channel pruning must follow, seeded, with lively batch norms."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv_bn(cin: int, cout: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(cout))


class Basic(nn.Module):
    """ResNet block: identity, projection, or option A's shortcut without parameters (He et al., 2016)."""

    def __init__(self, cin: int, cout: int, stride: int, option: str = "B") -> None:
        super().__init__()
        self.a, self.b = conv_bn(cin, cout, stride=stride), conv_bn(cout, cout)
        self.option = option if stride != 1 or cin != cout else "identity"
        self.project = conv_bn(cin, cout, 1, stride) if self.option == "B" else None
        self.extra = cout - cin

    def forward(self, x: Tensor) -> Tensor:
        y = self.b(F.relu(self.a(x)))
        if self.option == "A":
            x = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.extra // 2, self.extra // 2))
        elif self.project is not None:
            x = self.project(x)
        return F.relu(y + x)


class ResNet(nn.Module):
    def __init__(self, option: str) -> None:
        super().__init__()
        self.stem = conv_bn(3, 16)
        self.blocks = nn.Sequential(
            Basic(16, 16, 1), Basic(16, 32, 2, option), Basic(32, 32, 1), Basic(32, 48, 2, option)
        )
        self.fc = nn.Linear(48, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(F.relu(self.stem(x)))
        return self.fc(F.avg_pool2d(x, x.shape[3]).view(x.size(0), -1))


class Inverted(nn.Module):
    """MobileNetV2 block (Sandler et al., 2018), with squeeze-and-excitation (Hu et al., 2018) if asked."""

    def __init__(self, cin: int, cout: int, stride: int, squeeze: bool) -> None:
        super().__init__()
        wide = 4 * cin
        self.expand, self.depth = conv_bn(cin, wide, 1), conv_bn(wide, wide, 3, stride, groups=wide)
        self.down, self.up = nn.Conv2d(wide, 8, 1), nn.Conv2d(8, wide, 1)
        self.project = conv_bn(wide, cout, 1)
        self.squeeze, self.residual = squeeze, stride == 1 and cin == cout

    def forward(self, x: Tensor) -> Tensor:
        y = F.hardswish(self.depth(F.relu6(self.expand(x))))
        if self.squeeze:
            y = y * torch.sigmoid(self.up(F.relu(self.down(F.adaptive_avg_pool2d(y, 1)))))
        y = self.project(y)
        return x + y if self.residual else y


class MobileNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_bn(3, 16, stride=2)
        self.blocks = nn.Sequential(
            Inverted(16, 16, 1, False), Inverted(16, 24, 2, True), Inverted(24, 24, 1, True)
        )
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(24, 10))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(F.relu6(self.stem(x))).mean([2, 3]))


class Fire(nn.Module):
    """SqueezeNet's fire modules (Iandola et al., 2016): the consumer sees two layers' channels."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.squeeze = nn.Conv2d(16, 8, 1)
        self.one, self.three = nn.Conv2d(8, 16, 1), nn.Conv2d(8, 32, 3, padding=1)
        self.last = nn.Conv2d(48, 10, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.stem(x)), 2)
        x = F.relu(self.squeeze(x))
        x = torch.cat([F.relu(self.one(x)), F.relu(self.three(x))], 1)
        return self.last(x).amax((2, 3))


class Dense(nn.Module):
    """DenseNet (Huang et al., 2017): batch norm over a growing concatenation."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.norms = nn.ModuleList([nn.BatchNorm2d(16 + 12 * i) for i in range(3)])
        self.convs = nn.ModuleList([nn.Conv2d(16 + 12 * i, 12, 3, padding=1, bias=False) for i in range(3)])
        self.fc = nn.Linear(52, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = torch.cat([x, conv(F.silu(norm(x)))], dim=1)
        return self.fc(x.mean((2, 3)))


class Grouped(nn.Module):
    """ResNeXt block (Xie et al., 2017), a depthwise layer with two filters a channel, and PReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = conv_bn(3, 32, 1), conv_bn(32, 48, 3, groups=4), conv_bn(48, 24, 1)
        self.act = nn.PReLU(48)
        self.twice = nn.Conv2d(24, 48, 3, padding=1, groups=24)
        self.last = nn.Conv2d(48, 6, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.b(F.relu(self.a(x))))
        return self.last(self.twice(F.relu(self.c(x)))).flatten(1)


class LeNet(nn.Module):
    """Flatten into Linear: each channel is H*W input features."""

    def __init__(self, fixed: bool = False) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 16, 3), nn.Conv2d(16, 32, 3)
        self.fc1, self.fc2 = nn.Linear(32 * 9, 24), nn.Linear(24, 10)
        self.fixed = fixed

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(torch.sigmoid(self.a(x)), 2)
        x = F.max_pool2d(torch.tanh(self.b(x)), 2)
        x = x.view(-1, 32 * 9) if self.fixed else torch.flatten(x, 1)
        return self.fc2(F.relu(self.fc1(x)))


class Encoder(nn.Module):
    """A transformer block's MLP, and features under LayerNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm = nn.Linear(12, 32), nn.LayerNorm(32)
        self.up, self.down, self.head = nn.Linear(32, 64), nn.Linear(64, 32), nn.Linear(32, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        return self.head(x + self.down(F.gelu(self.up(self.norm(x)))))


class Sound(nn.Module):
    """Conv1d with batch norm, and one layer used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.norm = nn.Conv1d(4, 16, 5, 2), nn.BatchNorm1d(16)
        self.again, self.b = nn.Conv1d(16, 16, 3, padding=1), nn.Conv1d(16, 24, 3)
        self.fc = nn.Linear(24, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.leaky_relu(self.norm(self.a(x)), 0.1)
        x = self.again(F.relu(self.again(x)))
        return self.fc(F.elu(self.b(x)).mean(-1))


class Attention(nn.Module):
    """Self-attention, its queries, keys and values made by one layer, or by three as in BERT."""

    def __init__(self, width: int, heads: int, *, packed: bool) -> None:
        super().__init__()
        self.num_heads, self.head_dim, self.attn_dim = heads, width // heads, width
        self.scale, self.packed = self.head_dim**-0.5, packed
        if packed:
            self.qkv = nn.Linear(width, 3 * width)
        else:
            self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens = x.shape[:2]
        if self.packed:
            parts = self.qkv(x).reshape(batch, tokens, 3, self.num_heads, self.head_dim)
            q, k, v = parts.permute(2, 0, 3, 1, 4).unbind(0)
            y = F.scaled_dot_product_attention(q, k, v)
            return self.proj(y.transpose(1, 2).reshape(batch, tokens, self.attn_dim))
        shape = (batch, tokens, -1, self.head_dim)
        q, k, v = (part(x).view(shape).transpose(1, 2) for part in (self.q, self.k, self.v))
        y = torch.softmax((q * self.scale) @ k.transpose(-2, -1), -1) @ v
        return self.proj(y.transpose(1, 2).reshape(batch, tokens, -1))


class Block(nn.Module):
    def __init__(self, width: int, heads: int, *, packed: bool) -> None:
        super().__init__()
        self.norm1, self.attn = nn.LayerNorm(width), Attention(width, heads, packed=packed)
        self.norm2, self.up, self.down = (
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.Linear(4 * width, width),
        )
        self.gamma = nn.Parameter(torch.rand(width) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.gamma * self.attn(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class ViT(nn.Module):
    """A vision transformer (Dosovitskiy et al., 2021): patches, a class token, positions, blocks, a head."""

    def __init__(self, width: int = 32, depth: int = 2, heads: int = 4, classes: int = 5) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, width, 4, 4)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.places = nn.Parameter(torch.randn(1, 17, width))
        self.blocks = nn.Sequential(*[Block(width, heads, packed=True) for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.places
        return self.head(self.norm(self.blocks(x))[:, 0])


class Text(nn.Module):
    """A BERT in small (Devlin et al., 2019): embeddings of words and places, blocks, the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places, self.norm = nn.Embedding(50, 32), nn.Embedding(8, 32), nn.LayerNorm(32)
        self.blocks = nn.Sequential(*[Block(32, 4, packed=False) for _ in range(2)])
        self.head = nn.Linear(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        ids = (x.abs() * 10).long() % 50
        y = self.norm(self.words(ids) + self.places(torch.arange(ids.shape[1])))
        return self.head(self.blocks(y).mean(1))


class Packed(nn.Module):
    """torch's own encoder layers, whose attention packs its projections."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Linear(6, 32), nn.Linear(32, 3)
        layer = nn.TransformerEncoderLayer(32, 2, 48, batch_first=True)
        self.body = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(self.embed(x)).mean(1))


class UNet(nn.Module):
    """Down, up by a transposed convolution, and joined (Ronneberger et al., 2015)."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv_bn(3, 16), nn.Conv2d(16, 32, 3, 2, 1)
        self.up, self.c = nn.ConvTranspose2d(32, 16, 2, 2), nn.Conv2d(32, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        a = F.relu(self.a(x))
        return self.c(torch.cat([a, F.relu(self.up(F.relu(self.b(a))))], 1))


class Volume(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.fc = nn.Conv3d(2, 16, 3), nn.Conv3d(16, 16, 1), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.relu(self.b(F.max_pool3d(F.relu(self.a(x)), 2))).mean([2, 3, 4]))


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.RNNBase], **options: object) -> None:
        super().__init__()
        self.embed = nn.Linear(6, 16)
        self.rnn = kind(16, 24, batch_first=True, **options)  # type: ignore[arg-type]
        self.fc = nn.Linear(24 * (2 if self.rnn.bidirectional else 1), 4)
        self.state = nn.Linear(24, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y, states = self.rnn(torch.relu(self.embed(x)))
        last = states[0] if isinstance(states, tuple) else states
        return self.fc(y), self.state(last[-1])


NETS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "resnet": (lambda: ResNet("B"), (2, 3, 16, 16)),
    "resnet_option_a": (lambda: ResNet("A"), (2, 3, 16, 16)),
    "mobilenet": (MobileNet, (2, 3, 16, 16)),
    "fire": (Fire, (2, 3, 8, 8)),
    "dense": (Dense, (2, 3, 8, 8)),
    "grouped": (Grouped, (2, 3, 4, 4)),
    "lenet": (LeNet, (2, 3, 18, 18)),
    "encoder": (Encoder, (2, 5, 12)),
    "sound": (Sound, (2, 4, 32)),
    "unet": (UNet, (2, 3, 8, 8)),
    "volume": (Volume, (2, 2, 6, 6, 6)),
    "packed": (Packed, (2, 5, 6)),
    "vit": (ViT, (2, 3, 16, 16)),
    "text": (Text, (2, 7)),
    "lstm": (lambda: Recurrent(nn.LSTM, num_layers=2, bidirectional=True), (2, 5, 6)),
    "gru": (lambda: Recurrent(nn.GRU, num_layers=2), (2, 5, 6)),
    "rnn": (lambda: Recurrent(nn.RNN), (2, 5, 6)),
}


def make(name: str) -> tuple[nn.Module, Tensor]:
    """A network in eval mode, and an input for it."""
    torch.manual_seed(7)
    factory, shape = NETS[name]
    model = factory().eval()
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
    return model, torch.randn(shape)
