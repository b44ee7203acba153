/* Bins: how many edges lie below a value. Part of kernels.c. */

enum { TOGETHER = 32 };

/* For each row of values (rows, steps), how many of its rising edges (rows, count) are below each: 0 to count.
   Many values are sought side by side: no step waits for a guess at how the one before it came out. */
EXPORT void unrolled_bins(int64_t rows, int64_t steps, int64_t count, const float *edges, const float *values, int64_t *bins, int64_t threads) {
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
    for (int64_t row = 0; row < rows; row++) {
        const float *own = edges + row * count;
        for (int64_t first = 0; first < steps; first += TOGETHER) {
            const float *from = values + row * steps + first;
            int64_t *to = bins + row * steps + first;
            int some = steps - first < TOGETHER ? (int)(steps - first) : TOGETHER;
            float value[TOGETHER] = {0};
            int32_t below[TOGETHER] = {0};
            memcpy(value, from, sizeof(float) * (size_t)some);
            for (int32_t left = (int32_t)count; left > 1; left -= left / 2) {
                int32_t half = left / 2;
                for (int at = 0; at < TOGETHER; at++) below[at] += half & -(int32_t)(own[below[at] + half - 1] < value[at]);
            }
            for (int at = 0; at < some; at++) to[at] = below[at] + (own[below[at]] < value[at]);
        }
    }
}
