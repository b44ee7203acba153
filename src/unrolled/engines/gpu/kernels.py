# type: ignore - Triton reads these functions as a language of its own; a checker of Python makes nothing of them
# ruff: noqa: N803 - what is known when a kernel is compiled stands in capitals
"""The Triton kernels: what runs on the GPU. `launch.py` says over which grid, and what the arguments are.

All numbers are float32 here, except what goes into a product: h and the weights are of the stack's own type, and their
products are added up in float32. `WIDEN` brings them to float32 before; only Triton's interpreter needs that.
"""

import triton
import triton.language as tl


@triton.jit
def sigmoid(x):
    small = tl.exp(-tl.abs(x))  # 0 to 1: no overflow on either side
    return tl.where(x >= 0, 1.0, small) / (1.0 + small)


@triton.jit
def tanh(x):
    """To about three roundings: by its series near 0, where the quotient would lose digits."""
    small = tl.exp(-2.0 * tl.abs(x))
    quotient = (1.0 - small) / (1.0 + small)
    square = tl.minimum(x * x, 0.09)  # of no use above; kept from overflowing there
    series = x * (1.0 + square * (-1 / 3 + square * (2 / 15 + square * (-17 / 315 + square * (62 / 2835)))))
    return tl.where(tl.abs(x) < 0.3, series, tl.where(x < 0, -quotient, quotient))


@triton.jit
def times(left, right, total, WIDEN: tl.constexpr):
    """total + left · right, added up in float32, and in full float32 where they are."""
    if WIDEN:
        return tl.dot(left.to(tl.float32), right.to(tl.float32), total, input_precision="ieee")
    return tl.dot(left, right, total, input_precision="ieee")


@triton.jit
def load_gates(source, at, neurons, inside):
    """A tile of i, f, g and o."""
    i = tl.load(source + at, inside, 0.0)
    f = tl.load(source + at + neurons, inside, 0.0)
    g = tl.load(source + at + 2 * neurons, inside, 0.0)
    o = tl.load(source + at + 3 * neurons, inside, 0.0)
    return i, f, g, o


@triton.jit
def store_gates(target, at, neurons, inside, i, f, g, o):
    tl.store(target + at, i, inside)
    tl.store(target + at + neurons, f, inside)
    tl.store(target + at + 2 * neurons, g, inside)
    tl.store(target + at + 3 * neurons, o, inside)


@triton.jit
def load_weights(weight_hh, inner, columns, neurons):
    """Each gate's part of W_hh, turned round: `(inner, columns)`."""
    inside = (inner < neurons)[:, None] & (columns < neurons)[None, :]
    return load_gates(weight_hh, columns[None, :] * neurons + inner[:, None], neurons * neurons, inside)


@triton.jit
def load_peepholes(weight_ch, columns, neurons):
    """p_i, p_f, p_o: a row each."""
    inside = (columns < neurons)[None, :]
    p_i = tl.load(weight_ch + columns[None, :], inside, 0.0).to(tl.float32)
    p_f = tl.load(weight_ch + neurons + columns[None, :], inside, 0.0).to(tl.float32)
    p_o = tl.load(weight_ch + 2 * neurons + columns[None, :], inside, 0.0).to(tl.float32)
    return p_i, p_f, p_o


@triton.jit
def own_places(batch, neurons, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """A program's rows and neurons, which of them there are, and where they lie in states and in gates."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    inside = (rows < batch)[:, None] & (columns < neurons)[None, :]
    at = rows[:, None] * neurons + columns[None, :]
    at_gate = rows[:, None] * (4 * neurons) + columns[None, :]
    return rows, columns, inside, at, at_gate


@triton.jit(do_not_specialize=["first", "count"])
def lstm_steps(
    from_x, weight_hh, weight_ch, hidden, cell, gates, first, count, batch, neurons,
    PEEPHOLE: tl.constexpr, KEEP: tl.constexpr, WIDEN: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """`count` steps of an LSTM from `first` on, for some rows of the batch and some neurons.

    Where one program has all neurons, `count` is of any size, and with KEEP it has the weights at hand all the time;
    else it is 1: the next step needs what all programs give.
    """
    rows, columns, inside, at, at_gate = own_places(batch, neurons, ROWS, COLUMNS)
    size = batch * neurons
    start = first.to(tl.int64) * size
    hidden += start
    cell += start
    from_x += 4 * start
    gates += 4 * start
    c = tl.load(cell + at, inside, 0.0)
    if PEEPHOLE:
        p_i, p_f, p_o = load_peepholes(weight_ch, columns, neurons)
    if KEEP:
        w_i, w_f, w_g, w_o = load_weights(weight_hh, tl.arange(0, DEPTH), columns, neurons)
    for _ in range(count):
        i, f, g, o = load_gates(from_x, at_gate, neurons, inside)
        for k in range(0, neurons, DEPTH):
            inner = k + tl.arange(0, DEPTH)
            there = (rows < batch)[:, None] & (inner < neurons)[None, :]
            h = tl.load(hidden + rows[:, None] * neurons + inner[None, :], there, 0.0)
            if not KEEP:
                w_i, w_f, w_g, w_o = load_weights(weight_hh, inner, columns, neurons)
            i = times(h, w_i, i, WIDEN)
            f = times(h, w_f, f, WIDEN)
            g = times(h, w_g, g, WIDEN)
            o = times(h, w_o, o, WIDEN)
        if PEEPHOLE:
            i += p_i * c
            f += p_f * c
        i = sigmoid(i)
        f = sigmoid(f)
        g = tanh(g)
        c = f * c + i * g
        if PEEPHOLE:
            o += p_o * c
        o = sigmoid(o)
        hidden += size
        cell += size
        tl.store(hidden + at, (o * tanh(c)).to(hidden.dtype.element_ty), inside)
        tl.store(cell + at, c, inside)
        store_gates(gates, at_gate, neurons, inside, i, f, g, o)
        from_x += 4 * size
        gates += 4 * size
        tl.debug_barrier()  # the next step reads the h of all neurons


@triton.jit(do_not_specialize=["last", "count"])
def lstm_steps_back(
    weight_hh, weight_ch, cell, gates, d_hidden, d_cell, d_gates, carried, last, count, batch, neurons,
    PEEPHOLE: tl.constexpr, FROM_CELL: tl.constexpr, WIDEN: tl.constexpr,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, DEPTH: tl.constexpr,
):  # fmt: skip
    """`count` steps back from `last` on: what goes into the gates (Werbos 1990).

    The same programs as in `lstm_steps`. `d_gates` has one step more than the sequence, of zeros.
    """
    rows, columns, inside, at, at_gate = own_places(batch, neurons, ROWS, COLUMNS)
    size = batch * neurons
    start = last.to(tl.int64) * size
    d_hidden += start
    d_cell += start
    cell += start
    gates += 4 * start
    d_gates += 4 * start
    dc = tl.load(carried + at, inside, 0.0)
    if PEEPHOLE:
        p_i, p_f, p_o = load_peepholes(weight_ch, columns, neurons)
    for _ in range(count):
        dh = tl.load(d_hidden + at, inside, 0.0)
        later = d_gates + 4 * size
        for k in range(0, 4 * neurons, DEPTH):
            inner = k + tl.arange(0, DEPTH)
            there = (rows < batch)[:, None] & (inner < 4 * neurons)[None, :]
            into = tl.load(later + rows[:, None] * (4 * neurons) + inner[None, :], there, 0.0)
            there = (inner < 4 * neurons)[:, None] & (columns < neurons)[None, :]
            w = tl.load(weight_hh + inner[:, None] * neurons + columns[None, :], there, 0.0)
            dh = times(into.to(w.dtype), w, dh, WIDEN)
        before = tl.load(cell + at, inside, 0.0)
        now = tanh(tl.load(cell + size + at, inside, 0.0))
        i, f, g, o = load_gates(gates, at_gate, neurons, inside)
        d_o = dh * now * o * (1.0 - o)
        dc += dh * o * (1.0 - now * now)
        if FROM_CELL:
            dc += tl.load(d_cell + at, inside, 0.0)
        if PEEPHOLE:
            dc += d_o * p_o
        d_i = dc * g * i * (1.0 - i)
        d_f = dc * before * f * (1.0 - f)
        d_g = dc * i * (1.0 - g * g)
        dc = dc * f
        if PEEPHOLE:
            dc += d_i * p_i + d_f * p_f
        store_gates(d_gates, at_gate, neurons, inside, d_i, d_f, d_g, d_o)
        d_hidden -= size
        d_cell -= size
        cell -= size
        gates -= 4 * size
        d_gates -= 4 * size
        tl.debug_barrier()  # the step before reads what goes into the gates of all neurons
    tl.store(carried + at, dc, inside)


@triton.jit
def lstm_scan(gates, cell, before, last, steps, size, neurons, TINY: tl.constexpr, WIDTH: tl.constexpr):
    """Sums into gates, in place, and the cell states that follow from them, which end in `last`.

    One program has some places of the state `(batch, neurons)`, and goes through all steps. What the scan has drifted
    from `last` is taken back over the steps, in proportion to |c|: as `torch.py` says.
    """
    at = tl.program_id(0) * WIDTH + tl.arange(0, WIDTH)
    inside = at < size
    at_gate = at // neurons * (4 * neurons) + at % neurons
    stride = tl.cast(size, tl.int64)
    c = tl.load(before + at, inside, 0.0)
    total = tl.zeros_like(c)
    for _ in range(steps):
        i, f, g, o = load_gates(gates, at_gate, neurons, inside)
        i = sigmoid(i)
        f = sigmoid(f)
        g = tanh(g)
        o = sigmoid(o)
        c = f * c + i * g
        total += tl.abs(c)
        store_gates(gates, at_gate, neurons, inside, i, f, g, o)
        tl.store(cell + at, c, inside)
        gates += 4 * stride
        cell += stride
    end = tl.load(last + at, inside, 0.0)
    rate = (end - c) / tl.maximum(total, TINY)
    rate = tl.where(tl.abs(rate) < float("inf"), rate, 0.0)  # what is no number either
    tl.debug_barrier()
    share = tl.zeros_like(c)
    cell -= stride * steps
    for _ in range(steps):
        c = tl.load(cell + at, inside, 0.0)
        share += tl.abs(c)
        tl.store(cell + at, c + share * rate, inside)
        cell += stride


@triton.jit
def gru_gates(from_x, from_h, reset, update, candidate, size, neurons, WIDTH: tl.constexpr):
    """The gates of all steps at once, from the products with x and with h."""
    at = tl.program_id(0).to(tl.int64) * WIDTH + tl.arange(0, WIDTH)
    inside = at < size
    at_gate = at // neurons * (3 * neurons) + at % neurons
    r = sigmoid(tl.load(from_x + at_gate, inside, 0.0) + tl.load(from_h + at_gate, inside, 0.0))
    at_gate += neurons
    z = sigmoid(tl.load(from_x + at_gate, inside, 0.0) + tl.load(from_h + at_gate, inside, 0.0))
    at_gate += neurons
    n = tanh(tl.load(from_x + at_gate, inside, 0.0) + r * tl.load(from_h + at_gate, inside, 0.0))
    tl.store(reset + at, r.to(reset.dtype.element_ty), inside)
    tl.store(update + at, z.to(reset.dtype.element_ty), inside)
    tl.store(candidate + at, n.to(reset.dtype.element_ty), inside)
