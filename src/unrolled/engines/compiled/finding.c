/* What the search for neurons counts: bins, and sums over the steps of a class. Part of kernels.c. */

enum { TOGETHER = 32 };

/* For each row of values (rows, steps), how many of its rising edges (rows, count) are below each: 0 to count.
   Many values are sought side by side: no step waits for a guess at how the one before it came out. */
EXPORT void unrolled_bins(int64_t rows, int64_t steps, int64_t count, const float *edges, const float *values, int16_t *bins, int64_t threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        const float *own = edges + row * count;
        for (int64_t first = 0; first < steps; first += TOGETHER) {
            const float *from = values + row * steps + first;
            int16_t *to = bins + row * steps + first;
            int some = steps - first < TOGETHER ? (int)(steps - first) : TOGETHER;
            float value[TOGETHER] = {0};
            int32_t below[TOGETHER] = {0};
            memcpy(value, from, sizeof(float) * (size_t)some);
            for (int32_t left = (int32_t)count; left > 1; left -= left / 2) {
                int32_t half = left / 2;
                for (int at = 0; at < TOGETHER; at++) below[at] += half & -(int32_t)(own[below[at] + half - 1] < value[at]);
            }
            for (int at = 0; at < some; at++) to[at] = (int16_t)(below[at] + (own[below[at]] < value[at]));
        }
    }
}

/* Counts (rows, bins / coarse, classes) of what lies in each bin of bins (rows, steps) and has each code (steps), of
   which -1 is none. */
EXPORT void unrolled_count(int64_t rows, int64_t steps, int64_t all_bins, int64_t coarse, int64_t classes, const int16_t *bins, const int8_t *codes, int64_t *counts, int64_t threads) {
    int64_t size = all_bins / coarse * classes;
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        int64_t *own = counts + row * size;
        for (int64_t step = 0; step < steps; step++)
            if (codes[step] >= 0) own[bins[row * steps + step] / coarse * classes + codes[step]]++;
    }
}

/* For each of several moves of codes (the first `apart` codes after the one before it; -1 to classes - 1): the sums
   (classes, width) of those rows of values (steps, width) at which it has each class, as `to` (moves, classes, width). */
EXPORT void unrolled_add_by_class(int64_t moves, int64_t apart, int64_t steps, int64_t width, int64_t classes, const int8_t *codes, const float *values, float *to, int64_t threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
    for (int64_t move = 0; move < moves; move++) {
        const int8_t *own = codes + move * apart;
        float *sums = to + move * classes * width;
        memset(sums, 0, sizeof(float) * (size_t)(classes * width));
        for (int64_t step = 0; step < steps; step++) {
            if (own[step] < 0) continue;
            float *sum = sums + own[step] * width;
            const float *from = values + step * width;
            for (int64_t place = 0; place < width; place++) sum[place] += from[place];
        }
    }
}
