/* Runs the kernels on three threads, for ThreadSanitizer, and compares what they give with one thread's.
 *
 * GNU's OpenMP library does not tell ThreadSanitizer who waits for whom. So the few of its functions that the kernels
 * call are written here with POSIX threads, which it understands. KERNELS is the source to run. */
#include KERNELS

#include <math.h>
#include <pthread.h>
#include <stdio.h>

typedef struct {
    void (*work)(void *);
    void *data;
    int me, threads;
    pthread_barrier_t *barrier;
} member;

static _Thread_local member *self;

int omp_get_thread_num(void) { return self ? self->me : 0; }
int omp_get_num_threads(void) { return self ? self->threads : 1; }
void GOMP_barrier(void) { if (self) pthread_barrier_wait(self->barrier); }

static void *begin(void *given) {
    member *mine = given;
    self = mine;
    mine->work(mine->data);
    self = 0;
    return 0;
}

void GOMP_parallel(void (*work)(void *), void *data, unsigned threads, unsigned flags) {
    (void)flags;
    pthread_t started[16];
    pthread_barrier_t barrier;
    member members[16];
    pthread_barrier_init(&barrier, 0, threads);
    for (unsigned n = 0; n < threads; n++) members[n] = (member){work, data, (int)n, (int)threads, &barrier};
    for (unsigned n = 1; n < threads; n++) pthread_create(&started[n], 0, begin, &members[n]);
    begin(&members[0]);
    for (unsigned n = 1; n < threads; n++) pthread_join(started[n], 0);
    pthread_barrier_destroy(&barrier);
}

static uint32_t drawn = 1;

static float *numbers(int64_t count, float size) {
    float *made = malloc(sizeof(float) * (size_t)count);
    for (int64_t n = 0; n < count; n++) {
        drawn = drawn * 1664525u + 1013904223u;
        made[n] = size * ((float)(drawn >> 8) / (float)(1 << 23) - 1.0f);
    }
    return made;
}

static float farthest(const float *a, const float *b, int64_t count) {
    float most = 0;
    for (int64_t n = 0; n < count; n++) most = fmaxf(most, fabsf(a[n] - b[n]));
    return most;
}

typedef struct {
    int64_t cell, batch, steps, neurons, inputs, direction, by_symbol;
} shape;

/* Forward and back: the hidden states, then the gradients of the gates. */
static float *one_run(shape s, int64_t threads, int64_t *count) {
    const int64_t padded = (s.neurons + LANES - 1) / LANES * LANES, blocks = blocks_of(s.cell), rows = s.steps * s.batch;
    const int64_t wide = s.cell == GRU ? 4 : blocks, weights = blocks * s.neurons;
    float *all[24], **next = all;
    drawn = 1;
    float *w_hh = *next++ = numbers(weights * s.neurons, 0.1f), *w_ih = *next++ = numbers(weights * s.inputs, 0.1f);
    layer l = {.cell = s.cell, .steps = s.steps, .batch = s.batch, .inputs = s.inputs, .x_stride = s.inputs,
               .neurons = s.neurons, .padded = padded, .direction = s.direction, .threads = threads};
    float *panels = *next++ = numbers(unrolled_packed_size(s.cell, s.neurons, padded, 0), 1);
    float *x_panels = *next++ = numbers(unrolled_packed_size(s.cell, s.inputs, padded, 0), 1);
    float *back_panels = *next++ = numbers(unrolled_packed_size(s.cell, s.neurons, padded, 1), 1);
    unrolled_pack_forward(s.cell, s.neurons, s.neurons, padded, w_hh, panels, threads);
    unrolled_pack_forward(s.cell, s.inputs, s.neurons, padded, w_ih, x_panels, threads);
    unrolled_pack_back(s.cell, s.neurons, s.neurons, padded, w_hh, back_panels, threads);
    int64_t *symbols = malloc(sizeof(int64_t) * (size_t)rows);
    for (int64_t row = 0; row < rows; row++) symbols[row] = row % s.inputs;
    if (s.by_symbol) l.symbols = symbols, l.table = *next++ = numbers(s.inputs * blocks * padded, 0.5f);
    else l.x = *next++ = numbers(rows * s.inputs, 1), l.x_panels = x_panels, l.bias = *next++ = numbers(blocks * padded, 0.5f);
    l.panels = panels, l.extra = *next++ = numbers(3 * padded, 0.1f);
    l.first_hidden = *next++ = numbers(s.batch * padded, 0.5f), l.first_cell = *next++ = numbers(s.batch * padded, 0.5f);
    l.gates = *next++ = numbers(rows * blocks * padded, 1), l.states = *next++ = numbers(rows * padded, 1);
    l.hidden = *next++ = numbers(rows * padded, 1);
    unrolled_forward(&l);
    l.panels = back_panels;
    l.from_outputs = *next++ = numbers(rows * padded, 1), l.from_hidden = *next++ = numbers(s.batch * padded, 1);
    l.from_cell = *next++ = numbers(s.batch * padded, 1), l.from_first = *next++ = numbers(s.batch * padded, 0);
    l.from_gates = *next++ = numbers(rows * wide * padded, 1);
    unrolled_back(&l);
    float *sums = *next++ = numbers(s.inputs * wide * padded, 0);
    unrolled_add_by_symbol(rows, wide * padded, symbols, l.from_gates, sums, threads);
    float *space = *next++ = numbers(unrolled_multiply_space(padded, threads), 1);
    float *product = *next++ = numbers(wide * padded * padded, 0);
    unrolled_multiply(wide * padded, padded, rows, l.from_gates, 1, wide * padded, l.hidden, padded, product, padded, 0, space, threads);

    const int64_t sizes[] = {rows * padded, rows * wide * padded, s.inputs * wide * padded, wide * padded * padded};
    const float *parts[] = {s.cell == RNN ? l.gates : l.hidden, l.from_gates, sums, product};
    *count = sizes[0] + sizes[1] + sizes[2] + sizes[3];
    float *given = malloc(sizeof(float) * (size_t)*count), *to = given;
    for (int n = 0; n < 4; n++) {
        /* an RNN's product is of hidden states that it does not have: any numbers, the same for both */
        memcpy(to, parts[n], sizeof(float) * (size_t)sizes[n]);
        to += sizes[n];
    }
    while (next > all) free(*--next);
    free(symbols);
    return given;
}

int main(void) {
    /* few rows: the neurons are split among the threads; many: the rows are */
    const int64_t shapes[][4] = {{1, 40, 97, 40}, {2, 12, 97, 3}, {40, 6, 33, 40}, {7, 12, 65, 5}};
    int wrong = 0;
    for (int64_t cell = RNN; cell <= PEEPHOLE; cell++)
        for (int n = 0; n < 4; n++)
            for (int way = 0; way < 2; way++) {
                shape s = {cell, shapes[n][0], shapes[n][1], shapes[n][2], shapes[n][3], way ? -1 : 1, way};
                int64_t count;
                float *one = one_run(s, 1, &count), *three = one_run(s, 3, &count);
                float off = farthest(one, three, count);
                if (!(off < 1e-3f)) wrong++, printf("cell %d, shape %d, way %d: off by %g\n", (int)cell, n, way, (double)off);
                free(one), free(three);
            }
    printf(wrong ? "%d shapes are wrong\n" : "all shapes ran\n", wrong);
    return wrong ? 1 : 0;
}
