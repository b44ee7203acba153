/* Small networks: a whole training step in one call. Part of kernels.c.
 *
 * Where there are only a few neurons, the batch lies across the vectors instead: a group is WIDE sequences side by side,
 * and every value of a neuron is one row of WIDE floats. The weights stay as they are and are spread over the lanes one
 * by one. The pointwise parts are those of kernels.c, with `padded` = neurons * WIDE. Each group gathers gradients of
 * its own, which are added up in the order of the groups: the sum does not depend on the number of threads.
 */

#define WIDE (2 * LANES)
#define FEW_SYMBOLS 16 /* so few are multiplied as one-hot rows; more are looked up lane by lane */

typedef struct {
    int64_t cell, activation, layers, neurons, symbols, steps, batch, networks, threads, update, parameters_size;
    double learning_rate, beta1, beta2, epsilon, weight_decay, clip;
    const int64_t *inputs, *targets; /* (networks, steps, batch) */
    const float *weights;            /* (networks, steps, batch) of each target, or none: all count */
    float *parameters;               /* (networks, parameters_size): each layer's in PyTorch's order, then the readout's */
    float *moments, *squares;        /* Adam's, like the parameters */
    float *hidden, *cells;           /* (networks, layers, batch, neurons): carried in and out; or none: from zero */
    double *losses;                  /* (networks,): nats a symbol, before the update */
    float *space;                    /* unrolled_small_space */
} small_step;

typedef struct {
    int64_t weight_ih, weight_hh, bias_ih, bias_hh, weight_ch, inputs;
} places;

static places places_of(const small_step *s, int64_t at) {
    int64_t rows = blocks_of(s->cell) * s->neurons, start = 0, inputs = s->symbols;
    for (int64_t n = 0; n < at; n++) {
        start += rows * (inputs + s->neurons + 2) + (s->cell == PEEPHOLE ? 3 * s->neurons : 0);
        inputs = s->neurons;
    }
    places p = {start, start + rows * inputs, 0, 0, 0, inputs};
    p.bias_ih = p.weight_hh + rows * s->neurons, p.bias_hh = p.bias_ih + rows, p.weight_ch = p.bias_hh + rows;
    return p;
}

/* What a group keeps over time, in floats from its start. */
typedef struct {
    int64_t gates, states, hidden, extra, bias, one_hot, odds, from_gates, from_outputs, carried, first, sums, gradients, size;
} rooms;

static int64_t gradient_blocks(int64_t cell) { return cell == GRU ? 4 : blocks_of(cell); }

static rooms rooms_of(const small_step *s) {
    const int64_t plane = s->neurons * WIDE, all = s->layers * s->steps * plane, blocks = blocks_of(s->cell);
    const int64_t one_hot = s->symbols <= FEW_SYMBOLS ? s->steps * s->symbols * WIDE : 0;
    rooms r = {0};
    int64_t at = 0;
    r.gates = at, at += all * blocks;
    r.states = at, at += all;
    r.hidden = at, at += all;
    r.extra = at, at += s->layers * 3 * plane;
    r.bias = at, at += s->layers * blocks * plane;
    r.one_hot = at, at += one_hot;
    r.odds = at, at += s->steps * s->symbols * WIDE;
    r.from_gates = at, at += s->steps * gradient_blocks(s->cell) * plane;
    r.from_outputs = at, at += s->steps * plane;
    r.carried = at, at += plane;
    r.first = at, at += s->layers * 2 * plane;
    r.sums = at, at += 4 * plane > s->symbols * WIDE ? 4 * plane : s->symbols * WIDE;
    r.gradients = at, at += units_of(s->parameters_size, WIDE) * WIDE;
    r.size = at;
    return r;
}

static int64_t groups_of(const small_step *s) { return units_of(s->batch, WIDE); }

EXPORT int64_t unrolled_small_space(const small_step *s) { return s->networks * groups_of(s) * rooms_of(s).size; }

/* out (rows, WIDE), or added to it: sums over k of a[row][k] below[k], a by its strides. */
static void spread(int64_t rows, const float *a, int64_t down, int64_t right, const float *below, int64_t depth, float *out, int add) {
    for (int64_t top = 0; top < rows; top += MOST_ROWS) {
        full sums[MOST_ROWS * 2];
        const int64_t count = at_most(MOST_ROWS, rows - top);
        strided_product((int)count, 1, a + top * down, down, right, below, depth, sums, 2);
        for (int64_t v = 0; v < count * 2; v++) {
            float *to = out + top * WIDE + v * LANES;
            store(to, add ? load(to) + sums[v] : sums[v]);
        }
    }
}

typedef float four __attribute__((vector_size(16)));

/* The sum of all lanes: one half is added to the other, down to one. */
INLINE float total(full value) {
    four parts[LANES / 4];
    memcpy(parts, &value, sizeof parts);
#pragma GCC unroll 4
    for (int half = LANES / 8; half; half /= 2)
#pragma GCC unroll 4
        for (int n = 0; n < half; n++) parts[n] += parts[n + half];
    return (parts[0][0] + parts[0][2]) + (parts[0][1] + parts[0][3]);
}

/* to[row][column] += the sum over steps and lanes of a[step][row] b[step][column], in tiles of some rows by some columns. */
#if MOST_ROWS > 6
#define SIDE 4
#else
#define SIDE 3
#endif
INLINE void outer_tile(const int rows, const int columns, int64_t steps, const float *a, int64_t a_step, const float *b, int64_t b_step, float *to, int64_t stride) {
    full sums[SIDE][SIDE];
#pragma GCC unroll 4
    for (int row = 0; row < rows; row++)
#pragma GCC unroll 4
        for (int column = 0; column < columns; column++) sums[row][column] = (full){0};
    for (int64_t t = 0; t < steps; t++)
#pragma GCC unroll 2
        for (int v = 0; v < 2; v++) {
            full right[SIDE];
#pragma GCC unroll 4
            for (int column = 0; column < columns; column++) right[column] = load(b + t * b_step + column * WIDE + v * LANES);
#pragma GCC unroll 4
            for (int row = 0; row < rows; row++) {
                full left = load(a + t * a_step + row * WIDE + v * LANES);
#pragma GCC unroll 4
                for (int column = 0; column < columns; column++) sums[row][column] += left * right[column];
            }
        }
#pragma GCC unroll 4
    for (int row = 0; row < rows; row++)
#pragma GCC unroll 4
        for (int column = 0; column < columns; column++) to[row * stride + column] += total(sums[row][column]);
}

static void outer(int64_t rows, int64_t columns, int64_t steps, const float *a, int64_t a_step, const float *b, int64_t b_step, float *to, int64_t stride) {
    for (int64_t row = 0; row < rows; row += SIDE)
        for (int64_t column = 0; column < columns; column += SIDE) {
            const int64_t high = rows - row < SIDE ? rows - row : SIDE, wide = columns - column < SIDE ? columns - column : SIDE;
            const float *left = a + row * WIDE, *right = b + column * WIDE;
            float *out = to + row * stride + column;
            if (high == SIDE && wide == SIDE) outer_tile(SIDE, SIDE, steps, left, a_step, right, b_step, out, stride);
            else
                for (int64_t r = 0; r < high; r++)
                    for (int64_t c = 0; c < wide; c++)
                        outer_tile(1, 1, steps, left + r * WIDE, a_step, right + c * WIDE, b_step, out + r * stride + c, stride);
        }
}

/* to[row] += the sum over steps and lanes of a[step][row]. */
static void add_up(int64_t rows, int64_t steps, const float *a, int64_t a_step, float *to) {
    for (int64_t row = 0; row < rows; row++) {
        full sum = {0};
        for (int64_t t = 0; t < steps; t++) sum += load(a + t * a_step + row * WIDE) + load(a + t * a_step + row * WIDE + LANES);
        to[row] += total(sum);
    }
}

/* log x = e log 2 + 2 artanh((m - 1) / (m + 1)), x = 2^e m, m about 1; x is positive. */
INLINE full natural_log(full x) {
    ivec bits = (ivec)x, offset = bits - 0x3f3504f3;
    full exponent = __builtin_convertvector(offset >> 23, full), m = (full)(bits - (offset & ~0x7fffff));
    full s = (m - 1.0f) / (m + 1.0f), q = s * s;
    full series = ((0.111111111f * q + 0.142857143f) * q + 0.2f) * q + 0.333333333f;
    return exponent * 0.693147181f + 2.0f * (series * q * s + s);
}

/* (batch, neurons) of a group's sequences into rows of lanes, and back. */
static void into_lanes(const float *from, int64_t count, int64_t neurons, float *to) {
    memset(to, 0, sizeof(float) * (size_t)(neurons * WIDE));
    for (int64_t lane = 0; from && lane < count; lane++)
        for (int64_t n = 0; n < neurons; n++) to[n * WIDE + lane] = from[lane * neurons + n];
}
static void out_of_lanes(const float *from, int64_t count, int64_t neurons, float *to) {
    for (int64_t lane = 0; lane < count; lane++)
        for (int64_t n = 0; n < neurons; n++) to[lane * neurons + n] = from[n * WIDE + lane];
}

/* One group of one network: what it reads and writes. */
typedef struct {
    const small_step *s;
    rooms at;
    float *room;
    const float *parameters;
    const int64_t *inputs, *targets;
    const float *weights;
    float *hidden, *cells;
    int64_t count;
    double share; /* 1 / the weight of all targets of the network */
    double loss;
} group;

static layer layer_of(group *g, int64_t at) {
    const small_step *s = g->s;
    const int64_t plane = s->neurons * WIDE, all = s->steps * plane;
    layer l = {.cell = s->cell, .activation = s->activation, .neurons = s->neurons, .padded = plane};
    l.gates = g->room + g->at.gates + at * all * blocks_of(s->cell);
    l.states = g->room + g->at.states + at * all;
    l.hidden = s->cell == RNN ? l.gates : g->room + g->at.hidden + at * all;
    l.first_hidden = g->room + g->at.first + at * 2 * plane;
    l.first_cell = l.first_hidden + plane;
    l.extra = g->room + g->at.extra + at * 3 * plane;
    return l;
}

/* The same number in all lanes of a row. */
static void fill_rows(const float *from, int64_t rows, float *to) {
    for (int64_t row = 0; row < rows; row++)
        for (int64_t lane = 0; lane < WIDE; lane++) to[row * WIDE + lane] = from[row];
}

static void small_forward(group *g, int64_t at) {
    const small_step *s = g->s;
    const int64_t neurons = s->neurons, plane = neurons * WIDE, blocks = blocks_of(s->cell), rows = blocks * neurons;
    const places p = places_of(s, at);
    const float *w = g->parameters;
    layer l = layer_of(g, at), below = layer_of(g, at ? at - 1 : 0);
    float *bias = g->room + g->at.bias + at * blocks * plane, *sums = g->room + g->at.sums, *extra = (float *)l.extra;
    into_lanes(g->hidden ? g->hidden + at * s->batch * neurons : 0, g->count, neurons, (float *)l.first_hidden);
    into_lanes(g->cells ? g->cells + at * s->batch * neurons : 0, g->count, neurons, (float *)l.first_cell);
    fill_rows(w + p.bias_ih, rows, bias);
    for (int64_t row = 0; row < rows; row++)
        if (s->cell != GRU || row < 2 * neurons)
            for (int64_t lane = 0; lane < WIDE; lane++) bias[row * WIDE + lane] += w[p.bias_hh + row];
    if (s->cell == GRU) fill_rows(w + p.bias_hh + 2 * neurons, neurons, extra);
    if (s->cell == PEEPHOLE) fill_rows(w + p.weight_ch, 3 * neurons, extra);
    for (int64_t t = 0; t < s->steps; t++) {
        float *gates = l.gates + t * blocks * plane, *state = l.states + t * plane, *h = l.hidden + t * plane;
        const float *h_before = t ? h - plane : l.first_hidden, *c_before = t ? state - plane : l.first_cell;
        if (at) spread(rows, w + p.weight_ih, p.inputs, 1, below.hidden + t * plane, p.inputs, gates, 0);
        else if (s->symbols <= FEW_SYMBOLS)
            spread(rows, w + p.weight_ih, p.inputs, 1, g->room + g->at.one_hot + t * s->symbols * WIDE, p.inputs, gates, 0);
        else
            for (int64_t row = 0; row < rows; row++)
                for (int64_t lane = 0; lane < WIDE; lane++)
                    gates[row * WIDE + lane] = lane < g->count ? w[p.weight_ih + row * p.inputs + g->inputs[t * s->batch + lane]] : 0.0f;
        spread(rows, w + p.weight_hh, neurons, 1, h_before, neurons, sums, 0);
        for (int64_t place = 0; place < plane; place += LANES) {
            full given[4], from[4];
            for (int64_t block = 0; block < blocks; block++) {
                given[block] = load(gates + block * plane + place) + load(bias + block * plane + place);
                from[block] = load(sums + block * plane + place);
            }
            if (s->cell >= LSTM) lstm_point(&l, given, from, gates, c_before, state, h, place, s->cell == PEEPHOLE, 0);
            else if (s->cell == GRU) gru_point(&l, given, from, gates, state, h_before, h, place, 0);
            else store(h + place, rnn_point(&l, given[0] + from[0]));
        }
    }
}

/* Scores, odds and loss of every step; leaves the gradient of the scores where the odds were. */
static void small_readout(group *g) {
    const small_step *s = g->s;
    const int64_t plane = s->neurons * WIDE, symbols = s->symbols;
    const layer top = layer_of(g, s->layers - 1);
    const float *w = g->parameters + places_of(s, s->layers).weight_ih, *bias = w + symbols * s->neurons;
    g->loss = 0;
    for (int64_t t = 0; t < s->steps; t++) {
        float *scores = g->room + g->at.odds + t * symbols * WIDE, share[WIDE] = {0};
        const int64_t *targets = g->targets + t * s->batch;
        spread(symbols, w, s->neurons, 1, top.hidden + t * plane, s->neurons, scores, 0);
        for (int64_t lane = 0; lane < g->count; lane++) share[lane] = g->weights ? g->weights[t * s->batch + lane] : 1.0f;
        for (int64_t v = 0; v < WIDE; v += LANES) {
            full most = load(scores + v) + bias[0], sum = {0};
            for (int64_t n = 1; n < symbols; n++) {
                full score = load(scores + n * WIDE + v) + bias[n];
                most = choose(score > most, score, most);
            }
            for (int64_t n = 0; n < symbols; n++) {
                full power, rest = reduced_exp(AT_LEAST(-87.0f, load(scores + n * WIDE + v) + bias[n] - most), &power);
                full odds = rest * power + power;
                sum += odds;
                store(scores + n * WIDE + v, odds);
            }
            full inverse = 1.0f / sum;
            for (int64_t n = 0; n < symbols; n++) store(scores + n * WIDE + v, load(scores + n * WIDE + v) * inverse);
        }
        float chosen[WIDE];
        for (int64_t lane = 0; lane < WIDE; lane++) chosen[lane] = lane < g->count ? scores[targets[lane] * WIDE + lane] : 1.0f;
        for (int64_t v = 0; v < WIDE; v += LANES) {
            full odds = AT_LEAST(1e-37f, load(chosen + v)), part = load(share + v) * (float)g->share;
            full nats = (natural_log(odds) + (odds - odds)) * load(share + v); /* what is no number stays none */
            g->loss -= (double)total(nats);
            for (int64_t n = 0; n < symbols; n++) store(scores + n * WIDE + v, load(scores + n * WIDE + v) * part);
        }
        for (int64_t lane = 0; lane < g->count; lane++) scores[targets[lane] * WIDE + lane] -= share[lane] * (float)g->share;
    }
    g->loss *= g->share;
}

static void small_back(group *g, int64_t at) {
    const small_step *s = g->s;
    const int64_t neurons = s->neurons, plane = neurons * WIDE, blocks = blocks_of(s->cell), wide = gradient_blocks(s->cell);
    const int64_t step = wide * plane, skip = s->cell == GRU ? plane : 0, rows = blocks * neurons;
    const places p = places_of(s, at);
    const float *w = g->parameters;
    layer l = layer_of(g, at), below = layer_of(g, at ? at - 1 : 0);
    float *from = g->room + g->at.from_gates, *from_outputs = g->room + g->at.from_outputs, *carried = g->room + g->at.carried;
    float *to = g->room + g->at.gradients;
    memset(carried, 0, sizeof(float) * (size_t)plane);
    for (int64_t t = s->steps - 1; t >= 0; t--) {
        float *gates = l.gates + t * blocks * plane, *state = l.states + t * plane, *h = l.hidden + t * plane, *out = from + t * step;
        float *d = from_outputs + t * plane;
        const float *h_before = t ? h - plane : l.first_hidden, *c_before = t ? state - plane : l.first_cell;
        if (t + 1 < s->steps) spread(neurons, w + p.weight_hh, 1, neurons, out + step + skip, rows, d, 1);
        for (int64_t place = 0; place < plane; place += LANES) {
            if (s->cell >= LSTM) lstm_point_back(&l, load(d + place), gates, c_before, state, carried, out, place, s->cell == PEEPHOLE);
            else if (s->cell == GRU) gru_point_back(&l, load(d + place), gates, state, h_before, carried, out, place);
            else rnn_point_back(&l, load(d + place), h, out, place);
        }
        /* In place: this step's part is done, and the layer below wants what goes into its outputs. */
        if (at && s->cell != GRU) spread(p.inputs, w + p.weight_ih, 1, p.inputs, out, rows, d, 0);
        else if (at) {
            spread(p.inputs, w + p.weight_ih, 1, p.inputs, out + plane, 2 * neurons, d, 0);
            spread(p.inputs, w + p.weight_ih + 2 * neurons * p.inputs, 1, p.inputs, out, neurons, d, 1);
        }
    }
    /* A GRU's blocks are n as x sees it, r, z, n as h sees it. */
    const int64_t parts = s->cell == GRU ? 2 : 1;
    for (int64_t part = 0; part < parts; part++) {
        const int64_t first = s->cell == GRU && part ? 2 * neurons : 0, count = parts == 1 ? rows : part ? neurons : 2 * neurons;
        const float *of_x = from + (s->cell == GRU && !part ? plane : 0), *of_h = from + (parts == 1 ? 0 : part ? 3 * plane : plane);
        float *to_ih = to + p.weight_ih + first * p.inputs, *to_hh = to + p.weight_hh + first * neurons;
        add_up(count, s->steps, of_x, step, to + p.bias_ih + first);
        add_up(count, s->steps, of_h, step, to + p.bias_hh + first);
        outer(count, neurons, 1, of_h, step, l.first_hidden, 0, to_hh, neurons);
        outer(count, neurons, s->steps - 1, of_h + step, step, l.hidden, plane, to_hh, neurons);
        if (at) outer(count, p.inputs, s->steps, of_x, step, below.hidden, plane, to_ih, p.inputs);
        else if (s->symbols <= FEW_SYMBOLS) outer(count, p.inputs, s->steps, of_x, step, g->room + g->at.one_hot, s->symbols * WIDE, to_ih, p.inputs);
        else
            for (int64_t t = 0; t < s->steps; t++)
                for (int64_t row = 0; row < count; row++)
                    for (int64_t lane = 0; lane < g->count; lane++)
                        to_ih[row * p.inputs + g->inputs[t * s->batch + lane]] += of_x[t * step + row * WIDE + lane];
    }
    if (s->cell == PEEPHOLE)
        for (int64_t n = 0; n < 3 * neurons; n++) {
            const int64_t block = n / neurons, row = n % neurons;
            const float *gate = from + ((block == 2 ? 3 : block) * neurons + row) * WIDE;
            full sum = {0};
            for (int64_t t = 0; t < s->steps; t++)
                for (int64_t v = 0; v < WIDE; v += LANES) {
                    const float *c = block == 2 ? l.states + t * plane : t ? l.states + (t - 1) * plane : l.first_cell;
                    sum += load(gate + t * step + v) * load(c + row * WIDE + v);
                }
            to[p.weight_ch + n] += total(sum);
        }
}

static void run_group(group *g) {
    const small_step *s = g->s;
    const int64_t plane = s->neurons * WIDE, symbols = s->symbols, last = s->steps - 1;
    float *one_hot = g->room + g->at.one_hot, *odds = g->room + g->at.odds, *gradients = g->room + g->at.gradients;
    memset(gradients, 0, sizeof(float) * (size_t)s->parameters_size);
    if (symbols <= FEW_SYMBOLS) {
        memset(one_hot, 0, sizeof(float) * (size_t)(s->steps * symbols * WIDE));
        for (int64_t t = 0; t < s->steps; t++)
            for (int64_t lane = 0; lane < g->count; lane++) one_hot[(t * symbols + g->inputs[t * s->batch + lane]) * WIDE + lane] = 1.0f;
    }
    for (int64_t at = 0; at < s->layers; at++) small_forward(g, at);
    small_readout(g);
    const layer top = layer_of(g, s->layers - 1);
    const int64_t readout = places_of(s, s->layers).weight_ih;
    for (int64_t t = 0; t < s->steps; t++)
        spread(s->neurons, g->parameters + readout, 1, s->neurons, odds + t * symbols * WIDE, symbols, g->room + g->at.from_outputs + t * plane, 0);
    outer(symbols, s->neurons, s->steps, odds, symbols * WIDE, top.hidden, plane, gradients + readout, s->neurons);
    add_up(symbols, s->steps, odds, symbols * WIDE, gradients + readout + symbols * s->neurons);
    for (int64_t at = s->layers - 1; at >= 0; at--) small_back(g, at);
    for (int64_t at = 0; at < s->layers; at++) {
        const layer l = layer_of(g, at);
        if (g->hidden) out_of_lanes(l.hidden + last * plane, g->count, s->neurons, g->hidden + at * s->batch * s->neurons);
        if (g->cells) out_of_lanes(l.states + last * plane, g->count, s->neurons, g->cells + at * s->batch * s->neurons);
    }
}

/* Clips the whole gradient's norm; then Adam with decay of the weights apart (Loshchilov and Hutter 2019). */
static void update(const small_step *s, int64_t network, float *gradients) {
    const int64_t size = s->parameters_size;
    float *p = s->parameters + network * size, *m = s->moments + network * size, *v = s->squares + network * size;
    double norm = 0;
    for (int64_t n = 0; n < size; n++) norm += (double)gradients[n] * gradients[n];
    double scale = s->clip > 0 ? s->clip / (__builtin_sqrt(norm) + 1e-6) : 1;
    const float clipped = (float)(scale < 1 ? scale : 1), keep = (float)(1 - s->learning_rate * s->weight_decay);
    const double first = 1 - __builtin_pow(s->beta1, (double)s->update), second = 1 - __builtin_pow(s->beta2, (double)s->update);
    const float rate = (float)(s->learning_rate / first), root = (float)(1 / __builtin_sqrt(second)), epsilon = (float)s->epsilon;
    const float beta1 = (float)s->beta1, beta2 = (float)s->beta2, rest1 = (float)(1 - s->beta1), rest2 = (float)(1 - s->beta2);
    for (int64_t n = 0; n < size; n++) {
        const float d = gradients[n] * clipped;
        m[n] = beta1 * m[n] + rest1 * d;
        v[n] = beta2 * v[n] + rest2 * d * d;
        p[n] = p[n] * keep - rate * m[n] / (__builtin_sqrtf(v[n]) * root + epsilon);
    }
}

EXPORT void unrolled_small_step(const small_step *s) {
    const rooms at = rooms_of(s);
    const int64_t groups = groups_of(s), tokens = s->steps * s->batch, states = s->layers * s->batch * s->neurons;
    double losses[s->networks * groups];
    int64_t threads = s->networks * groups < s->threads ? s->networks * groups : s->threads;
    (void)threads;
#ifdef _OPENMP
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
#endif
    for (int64_t n = 0; n < s->networks * groups; n++) {
        const int64_t network = n / groups, first = n % groups * WIDE, start = network * tokens;
        double weight = 0;
        for (int64_t token = 0; token < tokens; token++) weight += s->weights ? (double)s->weights[start + token] : 1.0;
        group g = {
            .s = s, .at = at, .room = s->space + n * at.size, .parameters = s->parameters + network * s->parameters_size,
            .inputs = s->inputs + start + first, .targets = s->targets + start + first,
            .weights = s->weights ? s->weights + start + first : 0,
            .hidden = s->hidden ? s->hidden + network * states + first * s->neurons : 0,
            .cells = s->cells ? s->cells + network * states + first * s->neurons : 0,
            .count = s->batch - first < WIDE ? s->batch - first : WIDE, .share = 1 / weight,
        };
        run_group(&g);
        losses[n] = g.loss;
    }
    for (int64_t network = 0; network < s->networks; network++) {
        float *gradients = s->space + network * groups * at.size + at.gradients;
        double loss = 0;
        for (int64_t n = 0; n < groups; n++) loss += losses[network * groups + n];
        for (int64_t other = 1; other < groups; other++)
            for (int64_t n = 0; n < s->parameters_size; n++) gradients[n] += gradients[other * at.size + n];
        s->losses[network] = loss;
        if (loss - loss == 0 && s->update > 0) update(s, network, gradients);
    }
}
