"""What a run computes on: its device, several processes, fused kernels.

`torchrun` starts several processes that train one network. Every process draws the whole batch's
random numbers, computes its own rows and averages the gradients with the others: two processes with
half the batch each do what one does with all of it.

With `torch.compile` the units' element-wise part is fused. The convolutions stay the library's own.
What remains of a unit's step is a dozen element-wise operations on large tensors, which a GPU reads
and writes once instead of a dozen times when fused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

import torch
from torch import Tensor, distributed

from semcomp.errors import TrainingError
from semcomp.networks.recurrence import Cells, backward_cell, forward_cell
from semcomp.training.outputs import Report


def training_device(name: str | None) -> torch.device:
    """The device named, else `SEMCOMP_DEVICE`, else a GPU if there is one, else the CPU.

    As `semcomp.weights.resolve_device`, but without the entropy coder's packages, which a machine
    that only trains may lack. Raises TrainingError for a device that is unknown or not here.
    """
    chosen = name or os.environ.get("SEMCOMP_DEVICE")
    if not chosen:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(chosen)
    except RuntimeError as error:
        raise TrainingError(f"no device {chosen!r}: use cpu or cuda") from error
    if device.type not in ("cpu", "cuda"):
        raise TrainingError(f"no training on {chosen!r}: use cpu or cuda")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise TrainingError("there is no CUDA device here: use --device cpu")
    return device


class Processes:
    """The group of processes of a run; of one process if `torchrun` did not start it."""

    def __init__(self) -> None:
        self.rank = int(os.environ.get("RANK", "0"))
        self.count = int(os.environ.get("WORLD_SIZE", "1"))
        self.local = int(os.environ.get("LOCAL_RANK", "0"))
        self._opened = False

    @property
    def first(self) -> bool:
        """Whether this process validates, writes and reports."""
        return self.rank == 0

    def device(self, device: torch.device) -> torch.device:
        """This process's own GPU where the machine has several."""
        if device.type == "cuda" and self.count > 1:
            return torch.device("cuda", self.local)
        return device

    def open(self, device: torch.device) -> None:
        """Meet the other processes. Raises RuntimeError (torch) if they do not come."""
        if self.count == 1 or distributed.is_initialized():
            return
        if device.type == "cuda":
            torch.cuda.set_device(device)
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
        self._opened = True

    def close(self) -> None:
        """Part from them."""
        if self._opened:
            # Nobody leaves while the first still writes: torchrun stops all when one ends badly.
            distributed.barrier()
            distributed.destroy_process_group()
            self._opened = False

    def share(self, count: int) -> slice:
        """This process's rows of a batch of `count`, which is a multiple of the processes."""
        own = count // self.count
        return slice(self.rank * own, (self.rank + 1) * own)

    def mean(self, value: Tensor) -> Tensor:
        """Mean over the processes of a tensor without gradient."""
        if self.count == 1:
            return value
        total = value.clone()
        distributed.all_reduce(total)
        return total / self.count

    def mean_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace every gradient by its mean over the processes: one message for all."""
        if self.count == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        flat /= self.count
        start = 0
        for gradient in gradients:
            gradient.copy_(flat[start : start + gradient.numel()].view_as(gradient))
            start += gradient.numel()

    def agree(self, value: float, device: torch.device) -> float:
        """The first process's number, in all of them."""
        if self.count == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float64, device=device)
        distributed.broadcast(shared, 0)
        return float(shared)


@torch.no_grad()
def use_compiled_cells(device: torch.device, dtype: torch.dtype, report: Report) -> bool:
    """Compile the cells and try them; on any failure keep the plain ones and say so.

    dtype: of the gates. The choice holds for the process.
    """
    forward, backward = (
        torch.compile(cell, dynamic=True) for cell in (forward_cell, backward_cell)
    )
    try:
        for channels in (16, 24):  # twice: a second size must not need a second compiler run
            gates = torch.randn((40, 4 * channels), device=device, dtype=dtype)
            memory = torch.randn((40, channels), device=device)
            hidden = torch.empty((40, channels), device=device, dtype=dtype)
            plain, expected, after = gates.clone(), hidden.clone(), memory.clone()
            forward_cell(plain, memory, after, expected)
            forward(gates, memory, after, hidden)
            plain_memory, plain_gates = memory.clone(), torch.empty_like(gates)
            memory_grad, gates_grad = memory.clone(), torch.empty_like(gates)
            backward_cell(plain, after, memory, expected, plain_memory, plain_gates)
            backward(gates, after, memory, hidden, memory_grad, gates_grad)
            for one, other in ((hidden, expected), (gates_grad, plain_gates)):
                if not torch.allclose(one.float(), other.float(), atol=5e-2):
                    raise RuntimeError("the compiled cells give other numbers")
    except Exception as error:  # whatever a compiler, its cache or its driver may raise
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        report(f"torch.compile does not work here, going on without: {first[:200]}")
        return False
    Cells.forward, Cells.backward = forward, backward
    return True
