#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what tests/gold/test_methods.c must reproduce: narrow models of every method in PyTorch, with
and without AugSelf heads, three SGD steps on two batches.
    methods.py tests/gold/methods [CASE ...]
Without a CASE all of them, and the batches: batches.safetensors. CASE.safetensors holds the recipe
(metadata), initial weights, all gradients of the first step, the losses of each step, and all weights,
averages and queues at the end.
PyTorch computes in double from weights rounded to float, so the files hold the truth and not PyTorch's
own rounding; a trainer in float must come within float's reach of it."""
import copy
import os
import sys

import numpy as np
import torch
import torchvision
from torch import nn
from torch.nn import functional

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tensors  # noqa: E402

IMAGES, SIZE, SMALL, SMALL_VIEWS, CLASSES = 8, 32, 16, 2, 5
MEAN, STD = (0.43, 0.42, 0.39), (0.27, 0.26, 0.27)
STRENGTH, HUE, SIGMA_MOST = 0.4, 0.1, 2
# a step each: learning rate, momentum of the momentum encoder, whether prototypes stand still
LR, EMA, HOLD = (0.03, 0.024, 0.015), (0.9, 0.95, 0.99), (True, False, False)
LR_CONSTANT = 0.03  # the predictor's
# Steps before the record begins: at random weights a cosine loss is about 0. No more than that takes,
# for a loss that has been learnt is small, and its relative error large.
WARM_UP = {"simsiam": 40, "byol": 20}
WARM_UP_ELSE = 3
MOMENTUM, WEIGHT_DECAY = 0.9, 5e-4
ROTATIONS = 4
CONDITION = {"condition.dim": 6, "condition.layers": 2}
CODE = 17  # numbers of a view's encoded omega

# Heads: outputs, loss of (prediction, target).
HEADS = {
    "crop": (4, lambda p, t: functional.mse_loss(torch.tanh(p), t)),
    "color": (4, lambda p, t: functional.mse_loss(torch.tanh(p), t)),
    "flip": (1, functional.binary_cross_entropy_with_logits),
    "blur": (1, lambda p, t: functional.mse_loss(torch.tanh(p), t)),
    "rotation": (ROTATIONS, lambda p, t: functional.cross_entropy(p, t[:, 0].long())),
    "solarize": (1, lambda p, t: functional.mse_loss(torch.tanh(p), t)),
}
PAPER = {"crop": 1.0, "color": 0.5}
ALL = {"crop": 1.0, "color": 0.5, "flip": 0.25, "blur": 0.75, "rotation": 0.5, "solarize": 2.0}

METHODS = {  # what the recipe says of each
    "simsiam": {"projector.layers": 2, "projector.dim": 32, "predictor.dim": 16},
    "moco": {"projector.dim": 12, "temperature": 0.2, "queue.size": 16},
    "simclr": {"projector.dim": 12, "temperature": 0.2},
    "byol": {"projector.hidden": 24, "projector.dim": 12, "predictor.dim": 20},
    "swav": {
        "projector.hidden": 24,
        "projector.dim": 12,
        "temperature": 0.1,
        "prototypes.count": 10,
        "prototypes.frozen": 1,
    },
    "supervised": {"classes": CLASSES},
}


def cases():
    """name: recipe, as dotted keys"""
    for method, settings in METHODS.items():
        for tag, heads in (("", {}), ("_augself", PAPER), ("_all", ALL)):
            recipe = {"method.name": method, "model.width": 2}
            recipe.update({f"method.{key}": value for key, value in settings.items()})
            recipe.update({f"augself.{name}": heads.get(name, 0.0) for name in HEADS})
            yield method + tag, recipe
    by_name = {"method.name": "simsiam", "model.width": 8}
    by_name.update({f"method.{key}": value for key, value in METHODS["simsiam"].items()})
    by_name.update({f"augself.{name}": PAPER.get(name, 0.0) for name in HEADS})
    yield "simsiam_wide", by_name
    yield "simsiam_cifar", dict(by_name, **{"model.width": 2, "model.stem": "cifar"})
    yield "simsiam_resnet50", dict(by_name, **{"model.width": 2, "model.backbone": "resnet50"})
    only = {"method.name": "moco", "model.width": 2, "augself.only": "true"}
    only.update({f"augself.{name}": PAPER.get(name, 0.0) for name in HEADS})
    yield "augself_only", only
    moco = {"method.name": "moco", "model.width": 2, "method.queue.source": "query"}
    moco.update({f"method.{key}": value for key, value in METHODS["moco"].items()})
    moco.update({f"augself.{name}": PAPER.get(name, 0.0) for name in HEADS})
    yield "moco_query", moco
    for method, heads in (("simsiam", ALL), ("moco", {}), ("simclr", {}), ("byol", {}), ("swav", {})):
        reads = {"method.name": method, "model.width": 2}
        reads.update({f"method.{key}": value for key, value in {**METHODS[method], **CONDITION}.items()})
        reads.update({f"augself.{name}": heads.get(name, 0.0) for name in HEADS})
        yield method + "_conditioned", reads
    swav = {"method.name": "swav", "model.width": 2, "views.small.count": SMALL_VIEWS}
    swav.update({f"method.{key}": value for key, value in METHODS["swav"].items()})
    swav.update({f"augself.{name}": PAPER.get(name, 0.0) for name in HEADS})
    yield "swav_multicrop", swav


# --- the backbone, of any width (torchvision's own basic block allows 64 alone) ---


class Block(nn.Module):
    def __init__(self, c_in, inner, stride, bottleneck):
        super().__init__()
        c_out = 4 * inner if bottleneck else inner
        shapes = (
            [(c_in, inner, 1, 1), (inner, inner, 3, stride), (inner, c_out, 1, 1)]
            if bottleneck
            else [(c_in, inner, 3, stride), (inner, inner, 3, 1)]
        )
        self.n = len(shapes)
        for i, (a, b, kernel, step) in enumerate(shapes, 1):
            setattr(self, f"conv{i}", nn.Conv2d(a, b, kernel, step, kernel // 2, bias=False))
            setattr(self, f"bn{i}", nn.BatchNorm2d(b))
        self.downsample = None
        if stride != 1 or c_in != c_out:
            self.downsample = nn.Sequential(
                nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out)
            )

    def forward(self, x):
        skip = self.downsample(x) if self.downsample else x
        for i in range(1, self.n + 1):
            x = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(x))
            x = functional.relu(x + skip if i == self.n else x)
        return x


class ResNet(nn.Module):
    def __init__(self, name, width, cifar):
        super().__init__()
        blocks = {"resnet18": (2, 2, 2, 2), "resnet50": (3, 4, 6, 3)}[name]
        bottleneck = name == "resnet50"
        self.cifar = cifar
        self.conv1 = nn.Conv2d(3, width, *((3, 1, 1) if cifar else (7, 2, 3)), bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        c_in = width
        for stage, count in enumerate(blocks):
            inner = width << stage
            layers = []
            for i in range(count):
                stride = 2 if stage > 0 and i == 0 else 1
                layers.append(Block(c_in, inner, stride, bottleneck))
                c_in = 4 * inner if bottleneck else inner
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.features = c_in

    def forward(self, x):
        x = functional.relu(self.bn1(self.conv1(x)))
        x = x if self.cifar else functional.max_pool2d(x, 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean(dim=(2, 3))


def check_against_torchvision():
    for name in ("resnet18", "resnet50"):
        theirs, ours = getattr(torchvision.models, name)(), ResNet(name, 64, False)
        theirs.fc = nn.Identity()
        ours.load_state_dict(theirs.state_dict(), strict=True)
        x = torch.randn(4, 3, 64, 64)
        difference = (ours(x) - theirs(x)).abs().max().item()
        assert difference < 1e-4, difference


# --- methods ---


def hidden(c_in, c_out):
    return [nn.Linear(c_in, c_out, bias=False), nn.BatchNorm1d(c_out), nn.ReLU()]


def mlp(c_in, inner, c_out, layers=2, last_norm=False):
    parts = []
    for _ in range(layers - 1):
        parts += hidden(c_in, inner)
        c_in = inner
    return nn.Sequential(*parts, *(hidden(c_in, c_out)[:2] if last_norm else [nn.Linear(c_in, c_out)]))


def unit(x):
    return functional.normalize(x, dim=1)


def spread(z):
    return unit(z.detach()).std(0).mean() * z.shape[1] ** 0.5


def cosine(a, b):
    return functional.cosine_similarity(a, b).mean()


class Method(nn.Module):
    """The parts that every method has; a method adds its heads and its losses."""

    TRAINED = 2  # large views through the trained backbone

    def __init__(self, recipe):
        super().__init__()
        self.recipe = recipe
        name, cifar = recipe.get("model.backbone", "resnet18"), recipe.get("model.stem") == "cifar"
        self.backbone = ResNet(name, recipe["model.width"], cifar)
        self.d = self.backbone.features
        self.build()
        self.augself = nn.ModuleDict(
            {
                name: nn.Sequential(*hidden(2 * self.d, 24), *hidden(24, 24), nn.Linear(24, outputs))
                for name, (outputs, _) in HEADS.items()
                if recipe[f"augself.{name}"] > 0
            }
        )

    def get(self, key):
        return self.recipe[f"method.{key}"]

    def build(self):
        pass

    def projection(self, inner, out, layers=2, last_norm=False):
        """The projector, and beside it what encodes omega for it, where the recipe says so."""
        width = self.recipe.get("method.condition.dim", 0)
        self.projector = mlp(self.d + width, inner, out, layers, last_norm)
        if width:
            self.condition = mlp(CODE, width, width, self.get("condition.layers"))

    def project(self, y, view, momentum=False):
        parts = self.momentum if momentum else self._modules
        if "condition" in parts:
            y = torch.cat([y, parts["condition"](self.omega_codes[view])], 1)
        return parts["projector"](y)

    def follow(self):
        """After build: momentum copies of the named parts."""
        parts = {"backbone": self.backbone, "projector": self.projector}
        if "condition" in self._modules:
            parts["condition"] = self.condition
        self.momentum = nn.ModuleDict({name: copy.deepcopy(part) for name, part in parts.items()})

    def objective(self, x, ys, labels):
        """-> losses in our order, features of the two large views"""
        raise NotImplementedError

    def scores(self, name, p, t):
        """How well a head does in words that need no scale."""
        if name == "flip":
            return {"accuracy": ((p > 0) == (t > 0.5)).double().mean()}
        if name == "rotation":
            return {"accuracy": (p.argmax(1) == t[:, 0].long()).double().mean()}
        error = (torch.tanh(p) - t).square().mean()
        return {"r2": 1 - error / (t - t.mean(0)).square().mean()}

    def losses(self, x, labels, targets, codes):
        self.omega_codes = codes
        ys = [self.backbone(v) for v in x[: self.TRAINED] + x[2:]]
        loss, watched, pair = self.objective(x, ys, labels)
        total = sum(loss.values())
        y1, y2 = pair
        pairs = torch.cat([torch.cat([y1, y2], 1), torch.cat([y2, y1], 1)])
        for name, head in self.augself.items():
            p = head(pairs)
            loss["augself." + name] = HEADS[name][1](p, targets[name])
            if "method.condition.dim" in self.recipe:  # files older than scores stay as they are
                for kind, value in self.scores(name, p.detach(), targets[name]).items():
                    watched[f"augself.{name}.{kind}"] = value
            total = total + self.recipe[f"augself.{name}"] * loss["augself." + name]
        return {"loss": total, **loss, **watched}

    def before(self):
        pass

    def after(self, ema):
        """After the optimiser's step."""
        if not hasattr(self, "momentum"):
            return
        with torch.no_grad():
            for name, part in self.momentum.items():
                online = dict(getattr(self, name).named_parameters())
                for key, p in part.named_parameters():
                    p.mul_(ema).add_(online[key], alpha=1 - ema)


class SimSiam(Method):
    def build(self):
        dim = self.get("projector.dim")
        self.projection(dim, dim, self.get("projector.layers"), last_norm=True)
        self.predictor = mlp(dim, self.get("predictor.dim"), dim)

    def objective(self, x, ys, labels):
        z1, z2 = (self.project(y, v) for v, y in enumerate(ys))
        p1, p2 = self.predictor(z1), self.predictor(z2)
        loss = -(cosine(p1, z2.detach()) + cosine(p2, z1.detach())) / 2
        return {"simsiam": loss}, {"spread": spread(torch.cat([z1, z2]))}, ys


class Queue(nn.Module):
    def __init__(self, size, dim):
        super().__init__()
        self.register_buffer("keys", unit(torch.randn(size, dim)))
        self.register_buffer("position", torch.zeros((), dtype=torch.int64))


class MoCo(Method):
    TRAINED = 1

    def build(self):
        dim = self.get("projector.dim")
        self.projection(self.d, dim)
        self.follow()
        self.queue = Queue(self.get("queue.size"), dim)

    def objective(self, x, ys, labels):
        q = unit(self.project(ys[0], 0))
        with torch.no_grad():
            t = self.momentum["backbone"](x[1])
            k = unit(self.project(t, 1, momentum=True))
        self.fresh = q.detach() if self.recipe.get("method.queue.source") == "query" else k
        negative = q @ self.queue.keys.clone().t()
        logits = torch.cat([(q * k).sum(1, keepdim=True), negative], 1) / self.get("temperature")
        loss = functional.cross_entropy(logits, torch.zeros(len(q), dtype=torch.long))
        return {"moco": loss}, {"spread": spread(q)}, (ys[0], t)

    def after(self, ema):
        super().after(ema)
        at = self.queue.position.item()
        self.queue.keys[at : at + len(self.fresh)] = self.fresh
        self.queue.position.fill_((at + len(self.fresh)) % len(self.queue.keys))


class SimCLR(Method):
    def build(self):
        self.projection(self.d, self.get("projector.dim"))

    def objective(self, x, ys, labels):
        u = unit(torch.cat([self.project(y, v) for v, y in enumerate(ys)]))
        n = len(u) // 2
        s = (u @ u.t() / self.get("temperature")).masked_fill(torch.eye(2 * n, dtype=bool), -torch.inf)
        loss = functional.cross_entropy(s, torch.arange(2 * n).roll(n))
        return {"simclr": loss}, {"spread": spread(u)}, ys


class BYOL(Method):
    def build(self):
        dim = self.get("projector.dim")
        self.projection(self.get("projector.hidden"), dim)
        self.predictor = mlp(dim, self.get("predictor.dim"), dim)
        self.follow()

    def objective(self, x, ys, labels):
        z1, z2 = (self.project(y, v) for v, y in enumerate(ys))
        p1, p2 = self.predictor(z1), self.predictor(z2)
        with torch.no_grad():
            t1, t2 = (self.momentum["backbone"](v) for v in x)
            k1, k2 = (self.project(t, v, momentum=True) for v, t in enumerate((t1, t2)))
        loss = 2 * (2 - cosine(p1, k2) - cosine(p2, k1))
        return {"byol": loss}, {"spread": spread(torch.cat([z1, z2]))}, ys


class SwAV(Method):
    def build(self):
        self.projection(self.get("projector.hidden"), self.get("projector.dim"))
        self.prototypes = nn.Linear(self.get("projector.dim"), self.get("prototypes.count"), bias=False)

    def codes(self, scores):
        q = torch.exp(scores.detach() / 0.05).t()
        q = q / q.sum()
        for _ in range(3):
            q = q / q.sum(1, keepdim=True) / q.shape[0]
            q = q / q.sum(0, keepdim=True) / q.shape[1]
        return (q * q.shape[1]).t()

    def before(self):
        with torch.no_grad():
            self.prototypes.weight.copy_(unit(self.prototypes.weight))

    def objective(self, x, ys, labels):
        us = [unit(self.project(y, v)) for v, y in enumerate(ys)]
        scores = [self.prototypes(u) for u in us]
        loss = 0
        for i in range(2):
            q = self.codes(scores[i])
            others = [scores[v] / self.get("temperature") for v in range(len(us)) if v != i]
            loss = loss - sum((q * s.log_softmax(1)).sum(1).mean() for s in others) / len(others)
        return {"swav": loss / 2}, {"spread": spread(torch.cat(us))}, ys[:2]


class Supervised(Method):
    def build(self):
        self.classifier = nn.Sequential(nn.Linear(self.d, self.get("classes")))

    def objective(self, x, ys, labels):
        logits = torch.cat([self.classifier(y) for y in ys])
        return {"supervised": functional.cross_entropy(logits, labels.repeat(2))}, {}, ys


class Only(Method):
    def objective(self, x, ys, labels):
        return {}, {}, ys


CLASS_OF = {
    "simsiam": SimSiam,
    "moco": MoCo,
    "simclr": SimCLR,
    "byol": BYOL,
    "swav": SwAV,
    "supervised": Supervised,
}


def initialise(model):
    """PyTorch's own initial values, but for the norms: off 1 and 0, so that every term counts."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.2, 0.2)


# --- batches ---


def draw_omega(rng):
    """Two views of each image, as a loader records them."""
    source = rng.integers(40, 400, (IMAGES, 2))
    crop = np.empty((2, IMAGES, 4), np.int64)
    for view in range(2):
        for i, (w, h) in enumerate(source):
            height, width = rng.integers(20, h + 1), rng.integers(20, w + 1)
            top, left = rng.integers(0, h - height + 1), rng.integers(0, w - width + 1)
            crop[view, i] = top, left, height, width
    factor = rng.uniform(1 - STRENGTH, 1 + STRENGTH, (2, IMAGES, 3))
    hue = rng.uniform(-HUE, HUE, (2, IMAGES, 1))
    pattern = np.array([[0, 0, 1, 1] * 2, [0, 1, 0, 1] * 2], np.uint8)  # every combination
    return {
        "source": np.stack([source, source]),
        "crop": crop,
        "flip": pattern,
        "jitter_applied": np.array([[1, 1, 1, 0] * 2, [1, 0, 1, 0] * 2], np.uint8),
        "jitter": np.concatenate([factor, hue], 2).astype(np.float32),
        "blur_applied": 1 - pattern,
        "sigma": rng.uniform(0.1, 2, (2, IMAGES)).astype(np.float32),
        "solarize_applied": pattern[::-1].copy(),
        "threshold": rng.uniform(0.2, 0.8, (2, IMAGES)).astype(np.float32),
        "rotation": rng.integers(0, ROTATIONS, (2, IMAGES)).astype(np.uint8),
    }


def encode(omega, view):
    """A view's own omega as numbers of about unit size: crop, flip, jitter, grayscale (never here), blur,
    solarization, quarter turns."""
    w, h = omega["source"][view].T.astype(np.float64)
    top, left, height, width = omega["crop"][view].T
    jitter = omega["jitter"][view].astype(np.float64)
    applied = omega["jitter_applied"][view].astype(np.float64)
    columns = [(top + height / 2) / h, (left + width / 2) / w, height / h, width / w]
    columns += [omega["flip"][view], applied]
    columns += [applied * (jitter[:, i] - 1) / (2 * STRENGTH) for i in range(3)]
    columns += [applied * jitter[:, 3] / (2 * HUE), np.zeros(IMAGES)]
    columns += [omega["blur_applied"][view] * omega["sigma"][view].astype(np.float64) / SIGMA_MOST]
    columns += [omega["solarize_applied"][view] * (1 - omega["threshold"][view].astype(np.float64))]
    columns += [omega["rotation"][view] == turns for turns in range(ROTATIONS)]
    code = np.stack(columns, 1).astype(np.float64)
    assert code.shape == (IMAGES, CODE)
    return code.astype(np.float32)  # as the trainer's network reads it


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


def flip_difference(omega, a, b):
    return (omega["flip"][a] == omega["flip"][b]).astype(np.float64)[:, None]


def blur_difference(omega, a, b):
    sigma = omega["sigma"].astype(np.float64) * omega["blur_applied"]
    return (sigma[a] - sigma[b])[:, None]


def rotation_difference(omega, a, b):
    turns = omega["rotation"].astype(np.int64)
    return ((turns[a] - turns[b]) % ROTATIONS).astype(np.float64)[:, None]


def solarize_difference(omega, a, b):
    threshold = np.where(omega["solarize_applied"] == 1, omega["threshold"].astype(np.float64), 1)
    return (threshold[a] - threshold[b])[:, None]


DIFFERENCES = {
    "crop": crop_difference,
    "color": color_difference,
    "flip": flip_difference,
    "blur": blur_difference,
    "rotation": rotation_difference,
    "solarize": solarize_difference,
}


def draw_views(rng, views, size):
    """Blobs of colour: neighbouring pixels agree, as in pictures."""
    coarse = torch.from_numpy(rng.uniform(-0.3, 1.3, (views * IMAGES, 3, 6, 6)))
    fine = functional.interpolate(coarse, (size, size), mode="bicubic", align_corners=False)
    noisy = fine.numpy() + rng.normal(0, 0.03, fine.shape)
    pixels = (noisy * 255).round().clip(0, 255).astype(np.uint8).transpose(0, 2, 3, 1)
    return pixels.reshape(views, IMAGES, size, size, 3)


def draw_batch(rng):
    omega = draw_omega(rng)
    return {
        "views": draw_views(rng, 2, SIZE),
        "small": draw_views(rng, SMALL_VIEWS, SMALL),
        "labels": rng.integers(0, CLASSES, IMAGES),
        "omega": omega,
        "targets": {
            name: np.concatenate([difference(omega, 0, 1), difference(omega, 1, 0)])
            for name, difference in DIFFERENCES.items()
        },
    }


def put_batches(folder, batches):
    out = {}
    for name, batch in batches.items():
        for field in ("views", "small", "labels"):
            out[f"{name}.{field}"] = batch[field]
        out.update({f"{name}.omega.{field}": v for field, v in batch["omega"].items()})
        out.update({f"{name}.target.{k}": v.astype(np.float32) for k, v in batch["targets"].items()})
    save(os.path.join(folder, "batches.safetensors"), out, {})


# --- steps ---


def forward(model, batch):
    def normalised(pixels):
        x = torch.from_numpy(pixels.astype(np.float64) / 255)
        x = (x - torch.tensor(MEAN, dtype=x.dtype)) / torch.tensor(STD, dtype=x.dtype)
        return list(x.permute(0, 1, 4, 2, 3).to(model.backbone.conv1.weight.dtype))

    x = normalised(batch["views"])
    if "views.small.count" in model.recipe:
        x += normalised(batch["small"])
    targets = {name: torch.from_numpy(t).to(x[0].dtype) for name, t in batch["targets"].items()}
    codes = [torch.from_numpy(encode(batch["omega"], view)).to(x[0].dtype) for view in range(2)]
    model.before()
    return model.losses(x, torch.from_numpy(batch["labels"]), targets, codes)


def trained(model):
    return [(n, p) for n, p in model.named_parameters() if not n.startswith("momentum.")]


def sgd(model):
    predictor = list(model.predictor.parameters()) if isinstance(model, SimSiam) else []
    own = {id(p) for p in predictor}
    rest = [p for _, p in trained(model) if id(p) not in own]
    groups = [{"params": rest}]
    if predictor:
        groups.append({"params": predictor, "lr": LR_CONSTANT})
    return torch.optim.SGD(groups, lr=LR[0], momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)


def take_step(model, optimiser, batch, lr, ema, hold):
    optimiser.param_groups[0]["lr"] = lr
    optimiser.zero_grad()
    losses = forward(model, batch)
    losses["loss"].backward()
    gradients = {name: p.grad.numpy().astype(np.float32) for name, p in trained(model)}
    if hold and isinstance(model, SwAV):
        model.prototypes.weight.grad = None
    optimiser.step()
    model.after(ema)
    return {name: value.item() for name, value in losses.items()}, gradients


def put_state(out, prefix, model):
    for name, value in model.state_dict().items():
        value = value.detach().numpy()
        out[prefix + name] = value.astype(np.int64 if value.dtype == np.int64 else np.float32)


def save(path, out, metadata):
    tensors.save(path, out, {"writer": "tools/gold/methods.py", "torch": torch.__version__, **metadata})


def record(model, batches):
    """Three steps: the losses of each, the gradients of the first."""
    optimiser, losses, gradients = sgd(model), [], None
    for lr, ema, hold, batch in zip(LR, EMA, HOLD, "aba"):
        loss, gradient = take_step(model, optimiser, batches[batch], lr, ema, hold)
        losses.append(loss)
        gradients = gradients or gradient
    return losses, gradients


def conditioned(model, batches, losses, gradients):
    """Whether PyTorch's own float comes near: no ReLU so close to its bend that rounding turns it over,
    no loss that is a difference of large numbers. Else another seed is drawn."""
    theirs, d = record(model, batches)
    for name, want in gradients.items():
        if np.abs(d[name] - want).max() > 1e-5 * max(np.abs(want).max(), 1e-3):
            return False
    return all(
        abs(a[key] - b[key]) < 1e-6 * abs(b[key]) for a, b in zip(theirs, losses) for key in a
    )


def put_case(folder, name, recipe, batches):
    kind = Only if "augself.only" in recipe else CLASS_OF[recipe["method.name"]]
    for seed in range(1, 100):
        torch.manual_seed(seed)
        model = kind(recipe)
        initialise(model)
        model.double()
        optimiser = sgd(model)
        for step in range(WARM_UP.get(recipe["method.name"], WARM_UP_ELSE)):
            take_step(model, optimiser, batches["ab"[step % 2]], LR[0], EMA[0], False)
        narrow = copy.deepcopy(model).float()
        model = copy.deepcopy(narrow).double()  # the record's initial weights, as floats hold them
        out = {}
        put_state(out, "init.", model)
        losses, gradients = record(model, batches)
        if conditioned(narrow, batches, losses, gradients):
            break
    else:
        sys.exit(f"{name}: no seed is well conditioned")
    for step, values in enumerate(losses):
        out.update({f"step.{step}.{key}": np.array([value]) for key, value in values.items()})
    out.update({"grad." + key: value for key, value in gradients.items()})
    put_state(out, "final.", model)
    sets = "\n".join(f"{key}={value}" for key, value in recipe.items())
    save(os.path.join(folder, name + ".safetensors"), out, {"recipe": sets, "seed": str(seed)})
    print(f"{name}: seed {seed}", flush=True)


def main():
    folder, only = sys.argv[1], sys.argv[2:]
    os.makedirs(folder, exist_ok=True)
    check_against_torchvision()
    rng = np.random.default_rng(1)
    batches = {"a": draw_batch(rng), "b": draw_batch(rng)}
    if not only:
        put_batches(folder, batches)
    for name, recipe in cases():
        if not only or name in only:
            put_case(folder, name, recipe, batches)


if __name__ == "__main__":
    main()
