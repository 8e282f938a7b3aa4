#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/gold/simsiam_augself.safetensors, what tests/gold/test_simsiam.c must reproduce: a
narrow SimSiam + AugSelf{crop, color} model in PyTorch, three SGD steps on two batches.
    model.py tests/gold/simsiam_augself.safetensors
PyTorch computes in double from weights rounded to float, so the file holds the truth and not
PyTorch's own rounding; a trainer in float must come within float's reach of it."""
import os
import sys

import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn import functional

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tensors  # noqa: E402

IMAGES, SIZE, WIDTH = 8, 32, 8
PROJECTOR, PREDICTOR, HEAD = 32, 16, 24
MEAN, STD = (0.43, 0.42, 0.39), (0.27, 0.26, 0.27)
STRENGTH, HUE = 0.4, 0.1
LR, LR_CONSTANT = (0.03, 0.024, 0.015), 0.03  # a step each; the predictor's
WARM_UP = 40  # steps before the record begins: at random weights the cosine loss is about 0
MOMENTUM, WEIGHT_DECAY = 0.9, 5e-4


class Block(nn.Module):
    def __init__(self, c_in, c_out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(c_in, c_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(c_out)
        self.downsample = None
        if stride != 1 or c_in != c_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out)
            )

    def forward(self, x):
        skip = self.downsample(x) if self.downsample else x
        h = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.bn2(self.conv2(h)) + skip)


class ResNet18(nn.Module):
    """torchvision's, of any width (torchvision's own basic block allows 64 alone), without fc."""

    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        for stage in range(4):
            c = width << stage
            first = Block(c if stage == 0 else c // 2, c, 1 if stage == 0 else 2)
            setattr(self, f"layer{stage + 1}", nn.Sequential(first, Block(c, c, 1)))

    def forward(self, x):
        x = functional.max_pool2d(functional.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean(dim=(2, 3))


def check_against_torchvision():
    theirs, ours = torchvision.models.resnet18(), ResNet18(64)
    theirs.fc = nn.Identity()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    x = torch.randn(4, 3, 64, 64)
    difference = (ours(x) - theirs(x)).abs().max().item()
    assert difference < 1e-5, difference


def hidden(c_in, c_out):
    return [nn.Linear(c_in, c_out, bias=False), nn.BatchNorm1d(c_out), nn.ReLU()]


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        d = 8 * WIDTH
        self.backbone = ResNet18(WIDTH)
        self.projector = nn.Sequential(*hidden(d, PROJECTOR), *hidden(PROJECTOR, PROJECTOR)[:2])
        self.predictor = nn.Sequential(
            *hidden(PROJECTOR, PREDICTOR), nn.Linear(PREDICTOR, PROJECTOR)
        )
        self.augself = nn.ModuleDict(
            {
                name: nn.Sequential(*hidden(2 * d, HEAD), *hidden(HEAD, HEAD), nn.Linear(HEAD, 4))
                for name in ("crop", "color")
            }
        )

    def losses(self, x1, x2, targets):
        y1, y2 = self.backbone(x1), self.backbone(x2)
        z1, z2 = self.projector(y1), self.projector(y2)
        p1, p2 = self.predictor(z1), self.predictor(z2)
        cos = functional.cosine_similarity
        loss = {
            "simsiam": -(cos(p1, z2.detach()).mean() + cos(p2, z1.detach()).mean()) / 2,
        }
        pairs = torch.cat([torch.cat([y1, y2], 1), torch.cat([y2, y1], 1)])
        for name, head in self.augself.items():
            loss["augself." + name] = functional.mse_loss(torch.tanh(head(pairs)), targets[name])
        loss["loss"] = sum(loss.values())
        unit = functional.normalize(torch.cat([z1, z2]).detach(), dim=1)
        loss["spread"] = unit.std(0).mean() * PROJECTOR**0.5  # watched, in no gradient
        return loss


def initialise(model):
    """PyTorch's own initial values, but for the norms: off 1 and 0, so that every term counts."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.2, 0.2)


def draw_omega(rng):
    """Crop, flip and jitter of two views of each image, as a loader records them."""
    source = rng.integers(40, 400, (IMAGES, 2))
    crop = np.empty((2, IMAGES, 4), np.int64)
    for view in range(2):
        for i, (w, h) in enumerate(source):
            height, width = rng.integers(20, h + 1), rng.integers(20, w + 1)
            top, left = rng.integers(0, h - height + 1), rng.integers(0, w - width + 1)
            crop[view, i] = top, left, height, width
    factor = rng.uniform(1 - STRENGTH, 1 + STRENGTH, (2, IMAGES, 3))
    hue = rng.uniform(-HUE, HUE, (2, IMAGES, 1))
    return {
        "source": np.stack([source, source]),
        "crop": crop,
        "flip": np.array([[0, 0, 1, 1] * 2, [0, 1, 0, 1] * 2], np.uint8),  # every combination
        "jitter_applied": np.array([[1, 1, 1, 0] * 2, [1, 0, 1, 0] * 2], np.uint8),
        "jitter": np.concatenate([factor, hue], 2).astype(np.float32),
    }


def crop_difference(omega, a, b):
    """Centres and sizes as fractions of the source; where view a is flipped, both are mirrored."""

    def normalised(view):
        w, h = omega["source"][view].T.astype(np.float64)
        top, left, height, width = omega["crop"][view].T
        cx = (left + width / 2) / w
        cx = np.where(omega["flip"][a] == 1, 1 - cx, cx)
        return np.stack([(top + height / 2) / h, cx, height / h, width / w], 1)

    return normalised(a) - normalised(b)


def color_difference(omega, a, b):
    def normalised(view):
        jitter = omega["jitter"][view].astype(np.float64)
        value = np.concatenate(
            [(jitter[:, :3] - 1) / (2 * STRENGTH), jitter[:, 3:] / (2 * HUE)], 1
        )
        return value * omega["jitter_applied"][view][:, None]

    return normalised(a) - normalised(b)


def draw_views(rng):
    """Blobs of colour: neighbouring pixels agree, as in pictures."""
    coarse = torch.from_numpy(rng.uniform(-0.3, 1.3, (2 * IMAGES, 3, 6, 6)))
    fine = functional.interpolate(coarse, (SIZE, SIZE), mode="bicubic", align_corners=False)
    noisy = fine.numpy() + rng.normal(0, 0.03, fine.shape)
    pixels = (noisy * 255).round().clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
    return pixels.reshape(2, IMAGES, SIZE, SIZE, 3)


def draw_batch(rng):
    omega = draw_omega(rng)
    targets = {
        name: np.concatenate([difference(omega, 0, 1), difference(omega, 1, 0)])
        for name, difference in (("crop", crop_difference), ("color", color_difference))
    }
    return {"views": draw_views(rng), "omega": omega, "targets": targets}


def forward(model, batch):
    x = torch.from_numpy(batch["views"].astype(np.float64) / 255)
    x = (x - torch.tensor(MEAN, dtype=x.dtype)) / torch.tensor(STD, dtype=x.dtype)
    x = x.permute(0, 1, 4, 2, 3)
    targets = {name: torch.from_numpy(t) for name, t in batch["targets"].items()}
    return model.losses(x[0], x[1], targets)


def sgd(model):
    predictor = list(model.predictor.parameters())
    rest = [p for name, p in model.named_parameters() if not name.startswith("predictor.")]
    groups = [{"params": rest}, {"params": predictor, "lr": LR_CONSTANT}]
    return torch.optim.SGD(groups, lr=LR[0], momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)


def warm_up(model, batches):
    optimiser = sgd(model)
    for step in range(WARM_UP):
        optimiser.zero_grad()
        forward(model, batches["ab"[step % 2]])["loss"].backward()
        optimiser.step()


def put_state(out, prefix, model):
    for name, value in model.state_dict().items():
        value = value.detach().numpy()
        out[prefix + name] = value.astype(np.int64 if value.dtype == np.int64 else np.float32)


def main():
    torch.manual_seed(1)
    rng = np.random.default_rng(1)
    check_against_torchvision()
    model = Model()
    initialise(model)
    model.double()
    batches = {"a": draw_batch(rng), "b": draw_batch(rng)}
    out = {}
    for name, batch in batches.items():
        out[f"{name}.views"] = batch["views"]
        out.update({f"{name}.omega.{field}": v for field, v in batch["omega"].items()})
        out.update({f"{name}.target.{k}": v.astype(np.float32) for k, v in batch["targets"].items()})
    warm_up(model, batches)
    model.float().double()  # the record's initial weights, as floats hold them
    put_state(out, "init.", model)
    optimiser = sgd(model)
    for step, (lr, batch) in enumerate(zip(LR, "aba")):
        optimiser.param_groups[0]["lr"] = lr
        optimiser.zero_grad()
        losses = forward(model, batches[batch])
        losses["loss"].backward()
        for name, value in losses.items():
            out[f"step.{step}.{name}"] = np.array([value.item()])
        if step == 0:
            for name, p in model.named_parameters():
                out["grad." + name] = p.grad.numpy().astype(np.float32)
        optimiser.step()
    put_state(out, "final.", model)
    tensors.save(sys.argv[1], out, {"writer": "tools/gold/model.py", "torch": torch.__version__})


if __name__ == "__main__":
    main()
