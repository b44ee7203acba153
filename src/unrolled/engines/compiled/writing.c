/* Writing: one symbol after another, each drawn from the scores of the step before. Part of kernels.c. */

typedef struct {
    int64_t layers, symbols, padded_symbols, streams, length, end, top_k;
    double temperature, top_p;
    layer *stack;            /* prepared for one step; the first looks up `newest`, each other reads the one below */
    float **first_hidden;    /* each layer's carried states, in and out */
    float **first_cell;
    const float *readout;    /* (symbols, neurons), packed as an RNN's */
    const float *bias;       /* (padded_symbols,) */
    const double *uniforms;  /* (length, streams), from 0 to 1 */
    int64_t *newest;         /* (streams,): what is read first; in the end what was written last */
    int64_t *written;        /* (length, streams) */
    float *scores;           /* (streams, padded_symbols) */
    void *odds;              /* (symbols,) of struct odd */
} writing;

typedef struct {
    double odds;
    int64_t symbol;
} odd;

EXPORT int64_t unrolled_odd_size(void) { return (int64_t)sizeof(odd); }

static int by_odds(const void *a, const void *b) {
    const odd *left = a, *right = b;
    if (left->odds != right->odds) return left->odds < right->odds ? 1 : -1;
    return left->symbol < right->symbol ? -1 : 1;
}

/* The likeliest symbol, or one drawn from what temperature, top-k and top-p leave; as `draw` of sample.py. */
static int64_t pick(const writing *w, const float *scores, double uniform) {
    int64_t best = 0;
    for (int64_t n = 1; n < w->symbols; n++)
        if (scores[n] > scores[best]) best = n;
    if (w->temperature == 0) return best;
    odd *odds = w->odds;
    double all = 0, kept = 0, seen = 0;
    for (int64_t n = 0; n < w->symbols; n++) {
        odds[n] = (odd){exp(((double)scores[n] - scores[best]) / w->temperature), n};
        all += odds[n].odds;
    }
    int64_t count = w->symbols;
    if (w->top_k || w->top_p < 1) {
        qsort(odds, (size_t)count, sizeof(odd), by_odds);
        if (w->top_k && w->top_k < count) count = w->top_k;
        if (w->top_p < 1) {
            int64_t n = 0;
            for (double before = 0; n < count && before < w->top_p; n++) before += odds[n].odds / all;
            count = n ? n : 1;
        }
    }
    for (int64_t n = 0; n < count; n++) kept += odds[n].odds;
    for (int64_t n = 0; n < count; n++) {
        seen += odds[n].odds;
        if (uniform * kept < seen) return odds[n].symbol;
    }
    return best;
}

EXPORT void unrolled_write(const writing *w) {
    const int64_t units = w->padded_symbols / (2 * LANES), streams = w->streams;
    const layer *top = w->stack + w->layers - 1;
    const float *hidden = top->cell == RNN ? top->gates : top->hidden;
    for (int64_t n = 0; n < w->length; n++) {
        for (int64_t at = 0; at < w->layers; at++) {
            layer *l = w->stack + at;
            const size_t size = sizeof(float) * (size_t)(streams * l->padded);
            unrolled_forward(l);
            l->first_step++;
            memcpy(w->first_hidden[at], l->cell == RNN ? l->gates : l->hidden, size);
            if (l->cell >= LSTM) memcpy(w->first_cell[at], l->states, size);
        }
        for (int64_t unit = 0; unit < units; unit++)
            for (int64_t row = 0; row < streams; row += MOST_ROWS) {
                full out[MOST_ROWS * 2];
                const int64_t count = streams - row < MOST_ROWS ? streams - row : MOST_ROWS;
                product((int)count, 1, hidden + row * top->padded, top->padded, w->readout + unit * 2 * LANES * top->neurons, top->neurons, out, 2);
                for (int64_t r = 0; r < count; r++)
                    for (int64_t v = 0; v < 2; v++) {
                        const int64_t place = unit * 2 * LANES + v * LANES;
                        store(w->scores + (row + r) * w->padded_symbols + place, out[r * 2 + v] + load(w->bias + place));
                    }
            }
        for (int64_t stream = 0; stream < streams; stream++) {
            const double uniform = w->uniforms ? w->uniforms[n * streams + stream] : 0;
            const int64_t symbol = pick(w, w->scores + stream * w->padded_symbols, uniform);
            w->newest[stream] = w->written[n * streams + stream] = symbol;
            if (symbol == w->end)
                for (int64_t at = 0; at < w->layers; at++) {
                    const int64_t padded = w->stack[at].padded;
                    memset(w->first_hidden[at] + stream * padded, 0, sizeof(float) * (size_t)padded);
                    if (w->first_cell[at]) memset(w->first_cell[at] + stream * padded, 0, sizeof(float) * (size_t)padded);
                }
        }
    }
}
