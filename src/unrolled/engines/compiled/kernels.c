/* Recurrent layers over time, forward and back, every signal kept on the way.
 *
 * Compiled several times for different processors; the vectors below are GCC's and Clang's own, so that one text serves
 * them all. No dependency but OpenMP, and without it one thread does the work.
 *
 * Layout. A layer has `neurons` neurons in `padded` places, a multiple of LANES; what lies past the last neuron is zero
 * where it is read and harmless where it is written. Everything over time is (steps, batch, blocks, padded), the blocks
 * in PyTorch's order (LSTM i, f, g, o; GRU r, z, n). Time runs from the first step to the last, or back where
 * `direction` is -1; a row whose length is over is all zeros.
 *
 * Matrices are packed once a call, into panels two vectors wide, so that a tile of up to MOST_ROWS rows by two vectors
 * stays in registers while it runs down the panel; the pointwise part follows while the tile is in the nearest cache.
 */
#include <math.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif
#ifdef __linux__
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
#define LANES 16
#define MOST_ROWS 12
#elif defined(__AVX2__)
#define LANES 8
#define MOST_ROWS 6
#else
#define LANES 4
#define MOST_ROWS 4
#endif

#define INLINE static inline __attribute__((always_inline))
#define EXPORT __attribute__((visibility("default")))
#define MOST_VECTORS 8 /* of one unit: LSTM 4, GRU 6, RNN 2 */

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * LANES)));
typedef float full __attribute__((vector_size(4 * LANES)));

enum cell { RNN, GRU, LSTM, PEEPHOLE };
enum activation { TANH, RELU, SIGMOID };

/* A signal of one vector of neurons, held at a value in the lanes of `mask`. */
typedef struct {
    int64_t signal;              /* its number, in the order in which the cell computes them */
    const float *value;          /* LANES of them, for step t and row b `t * value_step + b * value_row` further on */
    const int32_t *mask;         /* LANES: -1 where it is held, else 0 */
    const uint8_t *where;        /* likewise for each step and row, whether it is held there; or none: always */
    int64_t value_step, value_row, where_step, where_row;
} hold;

typedef struct {
    int64_t cell, activation, steps, batch, inputs, x_stride, neurons, padded, direction, threads;
    int64_t first_step;          /* what the first of the steps is counted as where something is held */
    const int64_t *lengths;      /* (batch,), or none */
    float *gates;                /* (steps, batch, blocks, padded); an RNN's hidden states */
    float *states;               /* (steps, batch, padded): LSTM c; GRU W_hn h + b_hn, or none */
    float *hidden;               /* (steps, batch, padded); an RNN's lie in gates */
    const float *x;              /* (steps, batch, x_stride), the inputs first; or none: then a table and symbols */
    const float *x_panels;       /* W_ih, packed for the pass */
    const float *bias;           /* (blocks, padded): b_ih + b_hh, a GRU's n only b_in */
    const float *table;          /* (symbols, blocks, padded): what each symbol gives, bias included */
    const int64_t *symbols;      /* (steps, batch) */
    const float *first_hidden;   /* (batch, padded) */
    const float *first_cell;     /* (batch, padded), LSTM */
    const float *panels;         /* W_hh, packed for the pass */
    const float *extra;          /* peepholes (3, padded), or a GRU's b_hn (padded) */
    const hold *holds;           /* sorted by vector, then by signal; or none */
    const int64_t *held;         /* (padded / LANES + 1,): where each vector's begin among them */
    /* back only */
    const float *from_outputs;   /* (steps, batch, padded) gradients */
    const float *from_hidden;    /* (batch, padded) gradient of the last hidden state, or none */
    float *from_cell;            /* (batch, padded): of the last cell state in, of the first out; LSTM */
    float *from_first;           /* (batch, padded): of the first hidden state, but for the product with W_hh; GRU */
    float *from_gates;           /* (steps, batch, blocks, padded); GRU (…, 4, padded): n from x, r, z, n from h */
} layer;

/* ------------------------------------------------------------------ numbers */

INLINE full load(const float *from) { return (full) * (const vec *)from; }
INLINE void store(float *to, full value) { *(vec *)to = (vec)value; }
INLINE full choose(ivec mask, full yes, full no) { return (full)((mask & (ivec)yes) | (~mask & (ivec)no)); }

/* What is no number stays none: the processor gives the second operand then. */
#if defined(__AVX512F__)
#define AT_MOST(top, x) ((full)_mm512_min_ps(_mm512_set1_ps(top), (__m512)(x)))
#define AT_LEAST(low, x) ((full)_mm512_max_ps(_mm512_set1_ps(low), (__m512)(x)))
#elif defined(__AVX2__)
#define AT_MOST(top, x) ((full)_mm256_min_ps(_mm256_set1_ps(top), (__m256)(x)))
#define AT_LEAST(low, x) ((full)_mm256_max_ps(_mm256_set1_ps(low), (__m256)(x)))
#else
#define AT_MOST(top, x) choose((x) > (top), (full){0} + (top), x)
#define AT_LEAST(low, x) choose((x) < (low), (full){0} + (low), x)
#endif

/* e^x = 2^n e^r, |x| <= 87: gives 2^n and e^r - 1, |r| <= ln 2 / 2. The polynomial is a minimax fit, wrong by at most
 * 3e-9 of e^r. */
INLINE full reduced_exp(full x, full *power) {
    full shifted = x * 1.44269504f + 12582912.0f; /* 1.5 * 2^23: rounds, and leaves n in the lowest bits */
    full n = shifted - 12582912.0f;
    full r = x - n * 0.693145752f;
    r = r - n * 1.42860677e-6f;
    full q = 0.00138144672f * r + 0.00836878042f;
    q = q * r + 0.0416683942f;
    q = q * r + 0.166665201f;
    q = q * r + 0.499999934f;
    *power = (full)(((ivec)shifted << 23) + 0x3f800000);
    return q * r * r + r;
}

INLINE full sigmoid(full x) {
    full power, rest = reduced_exp(-AT_LEAST(-87.0f, AT_MOST(87.0f, x)), &power);
    return 1.0f / (1.0f + (rest * power + power));
}

/* tanh |x| = (e^2|x| - 1) / (e^2|x| + 1), from e^2|x| - 1 itself: as exact near zero as far from it. */
INLINE full hyperbolic_tangent(full x) {
    ivec sign = (ivec)x & INT32_MIN;
    full size = AT_MOST(40.0f, (full)((ivec)x & INT32_MAX));
    full power, rest = reduced_exp(size + size, &power);
    full above = rest * power + (power - 1.0f);
    return (full)((ivec)(above / (above + 2.0f)) | sign);
}

/* ----------------------------------------------------------------- products */

/* rows x 2 vectors: sums over k of a[row][k] panel[k], a given by its strides. Where there are few sums, several of each
 * run side by side, to hide the latency. */
INLINE void tile(const int rows, const float *a, int64_t down, int64_t right, const float *panel, int64_t depth, full *out, int64_t across) {
    const int chains = rows == 1 ? 4 : rows <= 3 ? 2 : 1;
    full sums[4][MOST_ROWS][2];
#pragma GCC unroll 4
    for (int chain = 0; chain < chains; chain++)
#pragma GCC unroll 12
        for (int row = 0; row < rows; row++) sums[chain][row][0] = sums[chain][row][1] = (full){0};
    int64_t k = 0;
    for (; k + chains <= depth; k += chains)
#pragma GCC unroll 4
        for (int chain = 0; chain < chains; chain++) {
            full first = load(panel + (k + chain) * 2 * LANES), second = load(panel + (k + chain) * 2 * LANES + LANES);
#pragma GCC unroll 12
            for (int row = 0; row < rows; row++) {
                float factor = a[row * down + (k + chain) * right];
                sums[chain][row][0] += first * factor;
                sums[chain][row][1] += second * factor;
            }
        }
    for (; k < depth; k++)
#pragma GCC unroll 12
        for (int row = 0; row < rows; row++)
#pragma GCC unroll 2
            for (int v = 0; v < 2; v++) sums[0][row][v] += load(panel + (k * 2 + v) * LANES) * a[row * down + k * right];
#pragma GCC unroll 12
    for (int row = 0; row < rows; row++)
#pragma GCC unroll 2
        for (int v = 0; v < 2; v++) {
            full sum = sums[0][row][v];
#pragma GCC unroll 3
            for (int chain = 1; chain < chains; chain++) sum += sums[chain][row][v];
            out[row * across + v] = sum;
        }
}

/* rows x (2 panels) vectors, a by its strides. */
#define ROWS(n) case n: for (int p = 0; p < panels; p++) tile(n, a, down, right, panel + p * 2 * LANES * depth, depth, out + p * 2, across); break;
static void strided_product(int rows, int panels, const float *a, int64_t down, int64_t right, const float *panel, int64_t depth, full *out, int64_t across) {
    switch (rows) {
        ROWS(1) ROWS(2) ROWS(3) ROWS(4)
#if MOST_ROWS > 4
        ROWS(5) ROWS(6)
#endif
#if MOST_ROWS > 6
        ROWS(7) ROWS(8) ROWS(9) ROWS(10) ROWS(11) ROWS(12)
#endif
    }
}
#undef ROWS

/* The rows of a are `stride` apart. */
static void product(int rows, int panels, const float *a, int64_t stride, const float *panel, int64_t depth, full *out, int64_t across) {
    strided_product(rows, panels, a, stride, 1, panel, depth, out, across);
}

#define SMALL 100000              /* multiply-adds, or floats moved, that are not worth a second thread */
#define DEPTH 256                 /* of a panel: it stays in the nearest cache, and its sums stay short */
#define HEIGHT (8 * MOST_ROWS)    /* rows that one thread packs at a time */

static int64_t units_of(int64_t all, int64_t each) { return (all + each - 1) / each; }
static int64_t at_most(int64_t most, int64_t n) { return n < most ? n : most; }

/* Rows of `wide` floats, `stride` apart, into rows of `width`, filled up with zeros. */
INLINE void pack_rows(const float *from, int64_t stride, int64_t rows, int64_t wide, const int64_t width, float *to) {
    for (int64_t row = 0; row < rows; row++, from += stride, to += width) {
        if (wide >= width) memcpy(to, from, sizeof(float) * (size_t)width);
        else for (int64_t n = 0; n < width; n++) to[n] = n < wide ? from[n] : 0.0f;
    }
}

/* Rows of two vectors, of which `wide` floats count, into rows `stride` apart, or added to them. */
INLINE void put_rows(const full *from, int64_t rows, int64_t wide, float *to, int64_t stride, int adding) {
    for (int64_t row = 0; row < rows; row++, from += 2, to += stride) {
        if (wide >= 2 * LANES) {
            store(to, adding ? load(to) + from[0] : from[0]);
            store(to + LANES, adding ? load(to + LANES) + from[1] : from[1]);
            continue;
        }
        float sums[2 * LANES];
        memcpy(sums, from, sizeof sums);
        for (int64_t n = 0; n < wide; n++) to[n] = adding ? to[n] + sums[n] : sums[n];
    }
}

EXPORT int64_t unrolled_multiply_space(int64_t columns, int64_t threads) {
    return DEPTH * (units_of(columns, 2 * LANES) * 2 * LANES + threads * HEIGHT);
}

/* c (rows, columns) = a b, or added to it: a by its strides, one of which is 1; the rows of b and c by theirs. */
EXPORT void unrolled_multiply(int64_t rows, int64_t columns, int64_t depth, const float *a, int64_t down, int64_t right, const float *b, int64_t b_down, float *c, int64_t c_down, int64_t add, float *space, int64_t threads) {
    if (rows * columns * depth < SMALL) threads = 1;
    const int64_t panels = units_of(columns, 2 * LANES), all_tiles = units_of(rows, MOST_ROWS);
    const int64_t chunks = units_of(units_of(rows, HEIGHT), threads) * threads; /* as many for each thread, of as many tiles */
    (void)threads; /* where there is no OpenMP */
#ifdef _OPENMP
#pragma omp parallel num_threads(threads) if (threads > 1)
#endif
    {
        int64_t me = 0;
#ifdef _OPENMP
        me = omp_get_thread_num();
#endif
        float *own = space + DEPTH * panels * 2 * LANES + me * DEPTH * HEIGHT;
        for (int64_t top = 0; top < depth || top == 0; top += DEPTH) {
            const int64_t deep = at_most(DEPTH, depth - top);
#ifdef _OPENMP
#pragma omp for schedule(static)
#endif
            for (int64_t p = 0; p < panels; p++)
                pack_rows(b + top * b_down + p * 2 * LANES, b_down, deep, columns - p * 2 * LANES, 2 * LANES, space + p * DEPTH * 2 * LANES);
#ifdef _OPENMP
#pragma omp for schedule(static)
#endif
            for (int64_t chunk = 0; chunk < chunks; chunk++) {
                const int64_t tiles = all_tiles * (chunk + 1) / chunks - all_tiles * chunk / chunks;
                const int64_t first = all_tiles * chunk / chunks * MOST_ROWS, high = at_most(tiles * MOST_ROWS, rows - first);
                for (int64_t part = 0; right != 1 && part < tiles; part++)
                    pack_rows(a + first + part * MOST_ROWS + top * right, right, deep, high - part * MOST_ROWS, MOST_ROWS, own + part * DEPTH * MOST_ROWS);
                for (int64_t p = 0; p < panels; p++)
                    for (int64_t part = 0; part < tiles; part++) {
                        const int64_t row = first + part * MOST_ROWS, count = at_most(MOST_ROWS, rows - row);
                        const float *panel = space + p * DEPTH * 2 * LANES;
                        full out[MOST_ROWS * 2];
                        if (right == 1) product((int)count, 1, a + row * down + top, down, panel, deep, out, 2);
                        else tile(MOST_ROWS, own + part * DEPTH * MOST_ROWS, 1, MOST_ROWS, panel, deep, out, 2);
                        put_rows(out, count, columns - p * 2 * LANES, c + row * c_down + p * 2 * LANES, c_down, add || top);
                    }
            }
        }
    }
}

/* ------------------------------------------------------------ shape of work */

static int64_t blocks_of(int64_t cell) { return cell == RNN ? 1 : cell == GRU ? 3 : 4; }

/* A unit of neurons is what whole panels give: one vector of an LSTM's neurons (four gates), two of the others'. */
static int64_t unit_vectors(int64_t cell) { return cell >= LSTM ? 1 : 2; }

EXPORT int64_t unrolled_lanes(void) { return LANES; }

#ifndef UNROLLED_SOURCES
#define UNROLLED_SOURCES ""
#endif

// Which sources this was made from: functions of others take other arguments.
EXPORT const char *unrolled_sources(void) { return UNROLLED_SOURCES; }

EXPORT int64_t unrolled_blocks(int64_t cell) { return blocks_of(cell); }

/* Lanes that this processor has instructions for: the library made for as many is the one to load. */
EXPORT int64_t unrolled_best_lanes(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_cpu_init();
    int fused = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return fused && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") ? 16 : fused ? 8 : 4;
#else
    return 4;
#endif
}

/* Floats that a packed matrix takes. */
EXPORT int64_t unrolled_packed_size(int64_t cell, int64_t inputs, int64_t padded, int64_t back) {
    int64_t vectors = padded / LANES;
    if (back) return units_of(inputs, 2 * LANES) * 2 * LANES * blocks_of(cell) * padded;
    return units_of(vectors, unit_vectors(cell)) * unit_vectors(cell) * blocks_of(cell) * LANES * inputs;
}

/* W_ih or W_hh (blocks * neurons, inputs) into the panels of the forward pass. */
EXPORT void unrolled_pack_forward(int64_t cell, int64_t inputs, int64_t neurons, int64_t padded, const float *weights, float *panels, int64_t threads) {
    const int64_t blocks = blocks_of(cell), each = unit_vectors(cell), wide = each * blocks;
    const int64_t vectors = units_of(padded / LANES, each) * wide;
    if (vectors * LANES * inputs < SMALL) threads = 1;
    (void)threads;
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
#endif
    for (int64_t n = 0; n < vectors; n++) {
        const int64_t unit = n / wide, v = n % wide, first = (unit * each + v / blocks) * LANES;
        const int64_t left = neurons - first, count = left < 0 ? 0 : left < LANES ? left : LANES;
        const float *rows = weights + (v % blocks * neurons + first) * inputs;
        float *panel = panels + (unit * wide + v / 2 * 2) * LANES * inputs + v % 2 * LANES;
        /* Written in its order, for a line that is written in parts comes and goes. */
        for (int64_t k = 0; k < inputs; k++)
            for (int64_t lane = 0; lane < LANES; lane++) panel[k * 2 * LANES + lane] = lane < count ? rows[lane * inputs + k] : 0.0f;
    }
}

/* W_ih or W_hh into the panels of the pass back: the inputs across, the gates (padded) down. */
EXPORT void unrolled_pack_back(int64_t cell, int64_t inputs, int64_t neurons, int64_t padded, const float *weights, float *panels, int64_t threads) {
    const int64_t depth = blocks_of(cell) * padded, units = units_of(inputs, 2 * LANES);
    if (units * depth * 2 * LANES < SMALL) threads = 1;
    (void)threads;
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
#endif
    for (int64_t unit = 0; unit < units; unit++) {
        const int64_t first = unit * 2 * LANES, count = inputs - first < 2 * LANES ? inputs - first : 2 * LANES;
        for (int64_t place = 0; place < depth; place++) {
            const int64_t block = place / padded, neuron = place % padded;
            float *to = panels + (unit * depth + place) * 2 * LANES;
            const float *row = weights + (block * neurons + neuron) * inputs + first;
            for (int64_t n = 0; n < 2 * LANES; n++) to[n] = n < count && neuron < neurons ? row[n] : 0.0f;
        }
    }
}

/* A layer's parameters as PyTorch has them; a bias may be none. */
typedef struct {
    const float *weight_ih, *weight_hh, *bias_ih, *bias_hh, *weight_ch;
} parameters;

/* Floats that a layer's parameters take when they are ready for the pass forward. */
EXPORT int64_t unrolled_ready_size(const layer *l, int64_t by_symbol) {
    const int64_t width = blocks_of(l->cell) * l->padded;
    const int64_t of_x = by_symbol ? l->inputs * width : unrolled_packed_size(l->cell, l->inputs, l->padded, 0);
    return unrolled_packed_size(l->cell, l->neurons, l->padded, 0) + of_x + width + 3 * l->padded;
}

/* Makes the parameters ready in `room`, and lets the layer point there. */
EXPORT void unrolled_make_ready(layer *l, const parameters *p, int64_t by_symbol, float *room) {
    const int64_t blocks = blocks_of(l->cell), neurons = l->neurons, padded = l->padded, inputs = l->inputs, width = blocks * padded;
    const int64_t panels = unrolled_packed_size(l->cell, neurons, padded, 0);
    float *bias = room + panels, *extra = bias + width, *of_x = extra + 3 * padded;
    unrolled_pack_forward(l->cell, neurons, neurons, padded, p->weight_hh, room, l->threads);
    memset(bias, 0, sizeof(float) * (size_t)(width + 3 * padded));
    for (int64_t block = 0; block < blocks; block++)
        for (int64_t n = 0; n < neurons; n++) {
            const int64_t from = block * neurons + n;
            const float of_h = p->bias_hh ? p->bias_hh[from] : 0.0f;
            const int within = l->cell == GRU && block == 2; /* the reset gate acts on what h gives, its bias included */
            bias[block * padded + n] = (p->bias_ih ? p->bias_ih[from] : 0.0f) + (within ? 0.0f : of_h);
            if (within) extra[n] = of_h;
            if (l->cell == PEEPHOLE && block < 3) extra[block * padded + n] = p->weight_ch[from];
        }
    l->panels = room, l->extra = extra, l->bias = bias;
    if (!by_symbol) {
        unrolled_pack_forward(l->cell, inputs, neurons, padded, p->weight_ih, of_x, l->threads);
        l->x_panels = of_x;
        return;
    }
    int64_t threads = inputs * width < SMALL ? 1 : l->threads;
    (void)threads;
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
#endif
    for (int64_t symbol = 0; symbol < inputs; symbol++)
        for (int64_t block = 0; block < blocks; block++) {
            float *to = of_x + symbol * width + block * padded;
            const float *from = p->weight_ih + block * neurons * inputs + symbol;
            for (int64_t n = 0; n < padded; n++) to[n] = n < neurons ? from[n * inputs] + bias[block * padded + n] : 0.0f;
        }
    l->table = of_x;
}

/* All threads wait here for each other: each counts its own steps, in a cache line of its own, and looks at the others'.
 * They spin, for a step is short. One that waits long sleeps: somebody else has the processor that its fellow needs, and
 * a sleeper leaves its own to it. */
#define MOST_THREADS 256
#define SPINS 2000
typedef struct {
    _Alignas(128) uint32_t steps;
    uint32_t sleepers;
} progress;

static void wait_for_all(progress *all, int64_t me, int64_t threads) {
    const uint32_t steps = all[me].steps + 1;
    __atomic_exchange_n(&all[me].steps, steps, __ATOMIC_SEQ_CST); /* before the look at who sleeps */
#ifdef __linux__
    if (__atomic_load_n(&all[me].sleepers, __ATOMIC_SEQ_CST))
        syscall(SYS_futex, &all[me].steps, FUTEX_WAKE_PRIVATE, INT32_MAX, 0, 0, 0);
#endif
    for (int64_t other = 0; other < threads; other++) {
        uint32_t there;
        for (int64_t spins = 0; (int32_t)((there = __atomic_load_n(&all[other].steps, __ATOMIC_ACQUIRE)) - steps) < 0; spins++) {
#if defined(__x86_64__) || defined(__i386__)
            __builtin_ia32_pause();
#endif
            if (spins < SPINS) continue;
#ifdef __linux__
            __atomic_fetch_add(&all[other].sleepers, 1, __ATOMIC_SEQ_CST);
            syscall(SYS_futex, &all[other].steps, FUTEX_WAIT_PRIVATE, there, 0, 0, 0); /* unless it has gone on since */
            __atomic_fetch_sub(&all[other].sleepers, 1, __ATOMIC_SEQ_CST);
#else
            sched_yield();
#endif
        }
    }
}

/* What one thread does: some rows for all neurons, or all rows for some neurons. */
typedef struct {
    int64_t first_row, last_row, first_unit, last_unit, me, threads;
    progress *meeting; /* none where the rows are split */
} share;

#define MEETING 8000    /* multiply-adds of a step that are not worth a meeting */
#define NEAR 400000     /* bytes of weights that each thread may keep in a cache of its own */

typedef void (*pass)(const layer *, share);

static void run(const layer *l, int64_t units, pass work) {
    int64_t weights = blocks_of(l->cell) * l->neurons * l->neurons, threads = l->threads;
    if (weights * l->batch * l->steps < SMALL) threads = 1;
    int by_rows = l->batch >= threads && (weights * 4 <= NEAR || l->batch >= MOST_ROWS * 4 * threads);
    if (!by_rows && weights * l->batch < MEETING) threads = 1;
    if (!by_rows && threads > units) threads = units;
    if (threads > MOST_THREADS) threads = MOST_THREADS;
    progress meeting[MOST_THREADS];
    for (int64_t thread = 0; thread < threads; thread++) meeting[thread].steps = meeting[thread].sleepers = 0;
#ifdef _OPENMP
#pragma omp parallel num_threads(threads) if (threads > 1)
#endif
    {
        int64_t me = 0, all = 1;
#ifdef _OPENMP
        me = omp_get_thread_num(), all = omp_get_num_threads();
#endif
        share mine = {0, l->batch, 0, units, me, all, 0};
        if (by_rows) {
            mine.first_row = l->batch * me / all, mine.last_row = l->batch * (me + 1) / all;
        } else {
            mine.first_unit = units * me / all, mine.last_unit = units * (me + 1) / all, mine.meeting = all > 1 ? meeting : 0;
        }
        work(l, mine);
    }
}

INLINE int over(const layer *l, int64_t t, int64_t row) { return l->lengths && t >= l->lengths[row]; }

/* ------------------------------------------------------------------ forward */

/* What is held of one vector at one step of one row; `next` moves on as the signals are computed. */
typedef struct {
    const hold *next, *end;
    int64_t t, row;
} holding;

/* A signal as it goes on: what is held of it (the last hold wins), else what it is. */
INLINE full held(holding *now, int64_t signal, full value) {
    if (!now) return value;
    for (; now->next < now->end && now->next->signal == signal; now->next++) {
        const hold *one = now->next;
        if (one->where && !one->where[now->t * one->where_step + now->row * one->where_row]) continue;
        value = choose((ivec)load((const float *)one->mask), load(one->value + now->t * one->value_step + now->row * one->value_row), value);
    }
    return value;
}

/* One neuron vector of one row. `given` is what the inputs give each gate, `from` what h gives. */
INLINE void lstm_point(const layer *l, const full *given, const full *from, float *gates, const float *c_before, float *c, float *h, int64_t place, int peephole, holding *now) {
    int64_t padded = l->padded;
    full before = load(c_before + place), i = given[0] + from[0], f = given[1] + from[1];
    full g = given[2] + from[2], o = given[3] + from[3];
    if (peephole) i += load(l->extra + place) * before, f += load(l->extra + padded + place) * before;
    i = held(now, 0, sigmoid(i)), f = held(now, 1, sigmoid(f)), g = held(now, 2, hyperbolic_tangent(g));
    full kept = held(now, 3, f * before + i * g);
    if (peephole) o += load(l->extra + 2 * padded + place) * kept;
    o = held(now, 4, sigmoid(o));
    store(gates + place, i), store(gates + padded + place, f), store(gates + 2 * padded + place, g);
    store(gates + 3 * padded + place, o), store(c + place, kept), store(h + place, held(now, 5, o * hyperbolic_tangent(kept)));
}

INLINE void gru_point(const layer *l, const full *given, const full *from, float *gates, float *from_h, const float *h_before, float *h, int64_t place, holding *now) {
    int64_t padded = l->padded;
    full r = held(now, 0, sigmoid(given[0] + from[0])), z = held(now, 1, sigmoid(given[1] + from[1]));
    full within = from[2] + load(l->extra + place), n = held(now, 2, hyperbolic_tangent(given[2] + r * within));
    store(gates + place, r), store(gates + padded + place, z), store(gates + 2 * padded + place, n);
    if (from_h) store(from_h + place, within);
    store(h + place, held(now, 3, (1.0f - z) * n + z * load(h_before + place)));
}

INLINE full rnn_point(const layer *l, full sum) {
    if (l->activation == TANH) return hyperbolic_tangent(sum);
    if (l->activation == SIGMOID) return sigmoid(sum);
    return choose(sum < 0.0f, (full){0}, sum);
}

#define ROWS_AHEAD 96        /* rows of inputs that are multiplied at a time: their gates stay in a near cache */
#define FEW_INPUTS 32        /* so few cost less where h is multiplied than on their own */

/* Whether inputs are multiplied step by step, beside h: where both matrices stay near, and enough rows share them. */
static int step_by_step(const layer *l, int64_t rows) {
    int64_t weights = blocks_of(l->cell) * l->neurons * (l->inputs + l->neurons) * 4;
    return l->x && (l->inputs <= FEW_INPUTS || (rows >= 8 && weights <= 600000));
}

/* W_ih x of the coming steps, for all rows or some, into the place of the gates. */
INLINE void multiply_ahead(const layer *l, share mine, int64_t first, int64_t steps, const int64_t blocks, const int64_t each) {
    const int64_t wide = blocks * each, vectors = l->padded / LANES;
    const int whole = mine.last_row - mine.first_row == l->batch;
    const int64_t spans = whole ? 1 : steps, rows = whole ? steps * l->batch : mine.last_row - mine.first_row;
    const int64_t tiles = units_of(rows, MOST_ROWS);
    full from[MOST_ROWS * MOST_VECTORS] = {{0}};
    for (int64_t unit = mine.first_unit; unit < mine.last_unit; unit++)
        for (int64_t span = 0; span < spans; span++)
            for (int64_t part = 0; part < tiles; part++) {
                int64_t start = rows * part / tiles, count = rows * (part + 1) / tiles - start;
                int64_t top = (first + span) * l->batch + mine.first_row + start;
                product((int)count, (int)wide / 2, l->x + top * l->x_stride, l->x_stride, l->x_panels + unit * wide * LANES * l->inputs, l->inputs, from, wide);
                for (int64_t row = 0; row < count; row++)
                    for (int64_t v = 0; v < each && unit * each + v < vectors; v++)
                        for (int64_t block = 0; block < blocks; block++)
                            store(l->gates + ((top + row) * blocks + block) * l->padded + (unit * each + v) * LANES, from[row * wide + v * blocks + block]);
            }
}

INLINE void forward(const layer *l, share mine, const int64_t cell, const int holds) {
    const int64_t blocks = cell == RNN ? 1 : cell == GRU ? 3 : 4, each = cell >= LSTM ? 1 : 2, wide = blocks * each;
    const int64_t padded = l->padded, neurons = l->neurons, inputs = l->inputs, vectors = padded / LANES;
    const int64_t rows = mine.last_row - mine.first_row, tiles = units_of(rows, MOST_ROWS), stride = blocks * padded;
    const int64_t ahead = l->x && !step_by_step(l, rows) ? units_of(ROWS_AHEAD, rows) : 0;
    const int beside = l->x && !ahead;
    full from[MOST_ROWS * MOST_VECTORS] = {{0}}, from_x[MOST_ROWS * MOST_VECTORS] = {{0}};
    float *all_hidden = cell == RNN ? l->gates : l->hidden;
    for (int64_t n = 0; n < l->steps; n++) {
        const int64_t t = l->direction > 0 ? n : l->steps - 1 - n, earlier = l->direction > 0 ? t - 1 : t + 1;
        const float *h_before = n ? all_hidden + earlier * l->batch * padded : l->first_hidden;
        const float *c_before = cell < LSTM ? 0 : n ? l->states + earlier * l->batch * padded : l->first_cell;
        if (ahead && n % ahead == 0) {
            int64_t steps = l->steps - n < ahead ? l->steps - n : ahead;
            multiply_ahead(l, mine, l->direction > 0 ? t : t - steps + 1, steps, blocks, each);
        }
        for (int64_t turn = mine.first_unit; turn < mine.last_unit; turn++) {
            /* There and back in turn: what was read last in one step is still near in the next. */
            const int64_t unit = n & 1 ? mine.first_unit + mine.last_unit - 1 - turn : turn;
            const float *panels = l->panels + unit * wide * LANES * neurons;
            for (int64_t part = 0; part < tiles; part++) {
                int64_t top = mine.first_row + rows * part / tiles, count = mine.first_row + rows * (part + 1) / tiles - top;
                product((int)count, (int)wide / 2, h_before + top * padded, padded, panels, neurons, from, wide);
                if (beside)
                    product((int)count, (int)wide / 2, l->x + (t * l->batch + top) * l->x_stride, l->x_stride, l->x_panels + unit * wide * LANES * inputs, inputs, from_x, wide);
                for (int64_t row = top; row < top + count; row++) {
                    const int64_t at = t * l->batch + row;
                    float *gates = l->gates + at * stride, *h = all_hidden + at * padded, *state = l->states ? l->states + at * padded : 0;
                    const float *source = l->x ? l->bias : l->table + l->symbols[at] * stride;
                    for (int64_t v = 0; v < each && unit * each + v < vectors; v++) {
                        const int64_t place = (unit * each + v) * LANES;
                        const full *of_h = from + (row - top) * wide + v * blocks, *of_x = from_x + (row - top) * wide + v * blocks;
                        if (over(l, t, row)) {
                            for (int64_t block = 0; block < blocks; block++) store(gates + block * padded + place, (full){0});
                            store(h + place, (full){0});
                            if (state) store(state + place, (full){0});
                            continue;
                        }
                        holding some = {0}, *now = 0;
                        if (holds) {
                            const int64_t *own = l->held + unit * each + v;
                            some = (holding){l->holds + own[0], l->holds + own[1], l->first_step + t, row}, now = &some;
                        }
                        full given[4];
                        for (int64_t block = 0; block < blocks; block++) {
                            given[block] = load(source + block * padded + place);
                            if (beside) given[block] += of_x[block];
                            else if (ahead) given[block] += load(gates + block * padded + place);
                        }
                        if (cell >= LSTM)
                            lstm_point(l, given, of_h, gates, c_before + row * padded, state, h, place, cell == PEEPHOLE, now);
                        else if (cell == GRU)
                            gru_point(l, given, of_h, gates, state, h_before + row * padded, h, place, now);
                        else
                            store(h + place, held(now, 0, rnn_point(l, given[0] + of_h[0])));
                    }
                }
            }
        }
        if (mine.meeting) wait_for_all(mine.meeting, mine.me, mine.threads);
    }
}

static void forward_rnn(const layer *l, share mine) { forward(l, mine, RNN, 0); }
static void forward_gru(const layer *l, share mine) { forward(l, mine, GRU, 0); }
static void forward_lstm(const layer *l, share mine) { forward(l, mine, LSTM, 0); }
static void forward_peephole(const layer *l, share mine) { forward(l, mine, PEEPHOLE, 0); }

/* With holds: apart, so that they cost nothing where there are none. */
static void holding_rnn(const layer *l, share mine) { forward(l, mine, RNN, 1); }
static void holding_gru(const layer *l, share mine) { forward(l, mine, GRU, 1); }
static void holding_lstm(const layer *l, share mine) { forward(l, mine, LSTM, 1); }
static void holding_peephole(const layer *l, share mine) { forward(l, mine, PEEPHOLE, 1); }

EXPORT void unrolled_forward(const layer *l) {
    static const pass passes[] = {forward_rnn, forward_gru, forward_lstm, forward_peephole};
    static const pass passes_holding[] = {holding_rnn, holding_gru, holding_lstm, holding_peephole};
    run(l, units_of(l->padded / LANES, unit_vectors(l->cell)), (l->holds ? passes_holding : passes)[l->cell]);
}

/* --------------------------------------------------------------------- back */

/* d is the gradient of h at this step; `out` takes those of the sums before the gates. */
INLINE void lstm_point_back(const layer *l, full d, const float *gates, const float *c_before, const float *c, float *from_cell, float *out, int64_t place, int peephole) {
    int64_t padded = l->padded;
    full i = load(gates + place), f = load(gates + padded + place), g = load(gates + 2 * padded + place);
    full o = load(gates + 3 * padded + place), before = load(c_before + place), shown = hyperbolic_tangent(load(c + place));
    full d_o = d * shown * o * (1.0f - o), d_c = load(from_cell + place) + d * o * (1.0f - shown * shown);
    if (peephole) d_c += d_o * load(l->extra + 2 * padded + place);
    full d_i = d_c * g * i * (1.0f - i), d_f = d_c * before * f * (1.0f - f), d_before = d_c * f;
    if (peephole) d_before += d_i * load(l->extra + place) + d_f * load(l->extra + padded + place);
    store(out + place, d_i), store(out + padded + place, d_f);
    store(out + 2 * padded + place, d_c * i * (1.0f - g * g)), store(out + 3 * padded + place, d_o);
    store(from_cell + place, d_before);
}

/* `carried` holds what h gives straight to the next h: z d of the step after, then of this one. */
INLINE void gru_point_back(const layer *l, full d, const float *gates, const float *from_h, const float *h_before, float *carried, float *out, int64_t place) {
    int64_t padded = l->padded;
    full r = load(gates + place), z = load(gates + padded + place), n = load(gates + 2 * padded + place);
    d += load(carried + place);
    full d_n = d * (1.0f - z) * (1.0f - n * n);
    store(out + place, d_n), store(out + padded + place, d_n * load(from_h + place) * r * (1.0f - r));
    store(out + 2 * padded + place, d * (load(h_before + place) - n) * z * (1.0f - z));
    store(out + 3 * padded + place, d_n * r), store(carried + place, d * z);
}

INLINE void rnn_point_back(const layer *l, full d, const float *h, float *out, int64_t place) {
    full now = load(h + place);
    if (l->activation == TANH) d = d * (1.0f - now * now);
    else if (l->activation == SIGMOID) d = d * now * (1.0f - now);
    else d = choose(now > 0.0f, d, (full){0});
    store(out + place, d);
}

INLINE void back(const layer *l, share mine, const int64_t cell) {
    const int64_t blocks = cell == RNN ? 1 : cell == GRU ? 3 : 4, wide = cell == RNN ? 1 : 4; /* blocks of from_gates */
    const int64_t skip = cell == GRU, padded = l->padded, vectors = padded / LANES, depth = blocks * padded;
    const int64_t rows = mine.last_row - mine.first_row, tiles = units_of(rows, MOST_ROWS);
    full from[MOST_ROWS * 2] = {{0}};
    const float *all_hidden = cell == RNN ? l->gates : l->hidden;
    for (int64_t n = l->steps - 1; n >= 0; n--) {
        const int64_t t = l->direction > 0 ? n : l->steps - 1 - n, earlier = l->direction > 0 ? t - 1 : t + 1;
        const int64_t later = l->direction > 0 ? t + 1 : t - 1;
        const float *h_before = n ? all_hidden + earlier * l->batch * padded : l->first_hidden;
        const float *c_before = cell < LSTM ? 0 : n ? l->states + earlier * l->batch * padded : l->first_cell;
        for (int64_t turn = mine.first_unit; turn < mine.last_unit; turn++)
            for (int64_t part = 0; part < tiles; part++) {
                const int64_t unit = n & 1 ? mine.first_unit + mine.last_unit - 1 - turn : turn;
                int64_t top = mine.first_row + rows * part / tiles, count = mine.first_row + rows * (part + 1) / tiles - top;
                if (n == l->steps - 1) memset(from, 0, sizeof from);
                else
                    product((int)count, 1, l->from_gates + ((later * l->batch + top) * wide + skip) * padded, wide * padded,
                            l->panels + unit * depth * 2 * LANES, depth, from, 2);
                for (int64_t row = top; row < top + count; row++) {
                    int64_t at = t * l->batch + row, last = l->lengths ? l->lengths[row] - 1 : l->steps - 1;
                    float *out = l->from_gates + at * wide * padded;
                    const float *gates = l->gates + at * depth;
                    for (int64_t v = 0; v < 2 && unit * 2 + v < vectors; v++) {
                        int64_t place = (unit * 2 + v) * LANES, own = row * padded + place;
                        if (n > last) {
                            for (int64_t block = 0; block < wide; block++) store(out + block * padded + place, (full){0});
                            continue;
                        }
                        full d = from[(row - top) * 2 + v] + load(l->from_outputs + at * padded + place);
                        if (n == last && l->from_hidden) d += load(l->from_hidden + own);
                        if (cell >= LSTM)
                            lstm_point_back(l, d, gates, c_before + row * padded, l->states + at * padded, l->from_cell + row * padded, out, place, cell == PEEPHOLE);
                        else if (cell == GRU)
                            gru_point_back(l, d, gates, l->states + at * padded, h_before + row * padded, l->from_first + row * padded, out, place);
                        else
                            rnn_point_back(l, d, gates, out, place);
                    }
                }
            }
        if (mine.meeting) wait_for_all(mine.meeting, mine.me, mine.threads);
    }
}

static void back_rnn(const layer *l, share mine) { back(l, mine, RNN); }
static void back_gru(const layer *l, share mine) { back(l, mine, GRU); }
static void back_lstm(const layer *l, share mine) { back(l, mine, LSTM); }
static void back_peephole(const layer *l, share mine) { back(l, mine, PEEPHOLE); }

EXPORT void unrolled_back(const layer *l) {
    static const pass passes[] = {back_rnn, back_gru, back_lstm, back_peephole};
    run(l, units_of(l->padded / LANES, 2), passes[l->cell]);
}

/* What each symbol's rows add up to: (symbols, width) from (rows, width); zeros before. */
EXPORT void unrolled_add_by_symbol(int64_t rows, int64_t width, const int64_t *symbols, const float *from, float *to, int64_t threads) {
    if (rows * width < SMALL) threads = 1;
    (void)threads;
#ifdef _OPENMP
#pragma omp parallel num_threads(threads) if (threads > 1)
#endif
    {
        int64_t me = 0, all = 1, vectors = width / LANES;
#ifdef _OPENMP
        me = omp_get_thread_num(), all = omp_get_num_threads();
#endif
        for (int64_t row = 0; row < rows; row++)
            for (int64_t place = vectors * me / all * LANES; place < vectors * (me + 1) / all * LANES; place += LANES) {
                float *sum = to + symbols[row] * width + place;
                store(sum, load(sum) + load(from + row * width + place));
            }
    }
}

/* to = from, scaled up by what is kept, or 0 with probability `share`: whether, depends on the seed and the place alone.
 * The numbers are those of a counter, stirred by MurmurHash3's last step (Appleby 2011) twice. */
EXPORT void unrolled_dropout(int64_t size, int64_t seed, double share, const float *from, float *to, int64_t threads) {
    typedef uint32_t uvec __attribute__((vector_size(4 * LANES)));
    const uint32_t least = (uint32_t)(share * 4294967296.0), low = (uint32_t)seed, high = (uint32_t)((uint64_t)seed >> 32);
    const float scale = (float)(1 / (1 - share));
    if (size < SMALL) threads = 1;
    (void)threads;
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
#endif
    for (int64_t block = 0; block < units_of(size, LANES); block++) {
        const int64_t first = block * LANES;
        float some[LANES] = {0};
        uvec n;
        for (int lane = 0; lane < LANES; lane++) n[lane] = (uint32_t)first + (uint32_t)lane;
        n ^= low;
        n ^= n >> 16, n *= 0x85ebca6bu, n ^= n >> 13, n *= 0xc2b2ae35u, n ^= n >> 16;
        n += high;
        n ^= n >> 16, n *= 0x85ebca6bu, n ^= n >> 13, n *= 0xc2b2ae35u, n ^= n >> 16;
        const int whole = first + LANES <= size;
        if (!whole) memcpy(some, from + first, sizeof(float) * (size_t)(size - first));
        full value = load(whole ? from + first : some) * scale;
        value = (full)((ivec)value & (ivec)(n >= least));
        if (whole) store(to + first, value);
        else {
            store(some, value);
            memcpy(to + first, some, sizeof(float) * (size_t)(size - first));
        }
    }
}

#include "small.c"
#include "writing.c"
#include "finding.c"
