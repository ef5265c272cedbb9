"""Scores written by hand, each with the trait that a way of differentiating turns on."""

import torch


class Plain:
    """Only score and denoiser: an exact law stripped of its closed forms, or any function."""

    def __init__(self, score):
        self._score = score

    def score(self, x, t):
        return self._score(x, t)

    def denoise(self, x, t):
        return x + t * self._score(x, t)


def linear(matrix):
    """s = M x/t, so that tJ = M."""
    return Plain(lambda x, t: x @ matrix.T.to(x.dtype) / (t if isinstance(t, float) else t[:, None]))


class Network(torch.nn.Module):
    """Two layers, the noise as one more input; neither linear nor a gradient."""

    def __init__(self, d, width, dtype):
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Linear(d + 1, width, dtype=dtype)
        self.last = torch.nn.Linear(width, d, dtype=dtype)
        self.seen = []

    def score(self, x, t):
        self.seen.append(tuple(x.shape))
        noise = torch.as_tensor(t, dtype=x.dtype).expand(len(x))[:, None]
        return self.last(torch.tanh(self.first(torch.cat([x, noise.log()], 1)))) / noise.sqrt()

    def denoise(self, x, t):
        return x + t * self.score(x, t)


class Attention(Network):
    """Fused attention has no forward mode."""

    def score(self, x, t):
        heads = super().score(x, t).reshape(len(x), 1, -1, 4)
        return torch.nn.functional.scaled_dot_product_attention(heads, heads, heads).flatten(1)


class Sine(torch.autograd.Function):
    """An operation with a forward mode, but none over many directions at once."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_forward(x)
        ctx.save_for_backward(x)
        return x.sin()

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return x.cos() * gradient

    @staticmethod
    def jvp(ctx, tangent):
        (x,) = ctx.saved_tensors
        return x.cos() * tangent
