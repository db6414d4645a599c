"""Fusing the units' element-wise part with torch.compile.

The convolutions stay the library's own. What remains of a unit's step is a dozen element-wise
operations on large tensors, which a GPU reads and writes once instead of a dozen times when fused.
"""

from __future__ import annotations

import torch

from semcomp.networks.recurrence import Cells, backward_cell, forward_cell

from .log import Report


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


def use_plain_cells() -> None:
    """Undo `use_compiled_cells`."""
    Cells.forward, Cells.backward = forward_cell, backward_cell
