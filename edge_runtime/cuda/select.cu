// Pick out of a network's outputs what its decoder will read; `vision.decode` defines the result.
//
// Macros: TRANSPOSED (candidates lie along the last axis). blockIdx.y is the row of the batch.
//
// A row's header counts what was kept (more than `capacity` when there was no room for all) and values that are NaN or
// infinite. Candidates are kept in any order; the host sorts them by index.

struct Header { int kept, broken, unused[2]; };

__device__ bool is_finite(float value) { return value - value == 0.0f; }

__device__ long long place(int candidate, int column, int candidates, int columns) {
    return TRANSPOSED ? (long long)column * candidates + candidate : (long long)candidate * columns + column;
}

// One thread a candidate: `boxes` may have no columns, `scores` holds the class columns `competing[0:rivals]`.
extern "C" __global__ void select_rows(
    const float* __restrict__ boxes, int box_columns, const float* __restrict__ scores, int score_columns,
    int candidates, const int* __restrict__ competing, int rivals, int objectness, float threshold, int capacity,
    Header* __restrict__ headers, char* __restrict__ rows, int row_bytes) {
    const int candidate = blockIdx.x * blockDim.x + threadIdx.x;
    if (candidate >= candidates) return;
    boxes += (long long)blockIdx.y * candidates * box_columns;
    scores += (long long)blockIdx.y * candidates * score_columns;
    Header* header = headers + blockIdx.y;

    int broken = 0;
    for (int i = 0; i < box_columns; ++i) broken += !is_finite(boxes[place(candidate, i, candidates, box_columns)]);
    for (int i = 0; i < score_columns; ++i) broken += !is_finite(scores[place(candidate, i, candidates, score_columns)]);
    if (broken) {
        atomicAdd(&header->broken, broken);
        return;
    }
    float best = scores[place(candidate, competing[0], candidates, score_columns)];
    for (int i = 1; i < rivals; ++i) best = fmaxf(best, scores[place(candidate, competing[i], candidates, score_columns)]);
    if (objectness >= 0) {
        const float likely = scores[place(candidate, objectness, candidates, score_columns)];
        if (likely < threshold) return;
        best *= likely;
    }
    if (best < threshold) return;
    const int kept = atomicAdd(&header->kept, 1);
    if (kept >= capacity) return;
    int* index = (int*)(rows + (long long)blockIdx.y * row_bytes);
    float* picked = (float*)(index + capacity) + (long long)kept * (box_columns + score_columns);
    index[kept] = candidate;
    for (int i = 0; i < box_columns; ++i) picked[i] = boxes[place(candidate, i, candidates, box_columns)];
    for (int i = 0; i < score_columns; ++i) picked[box_columns + i] = scores[place(candidate, i, candidates, score_columns)];
}

// One thread a pixel of one head: its planes begin `first_plane` planes into the row.
extern "C" __global__ void select_planes(
    const float* __restrict__ values, int classes, int pixels, const int* __restrict__ wanted, int planes,
    int first_plane, Header* __restrict__ headers, unsigned char* __restrict__ rows, int row_bytes) {
    const int pixel = blockIdx.x * blockDim.x + threadIdx.x;
    if (pixel >= pixels) return;
    values += (long long)blockIdx.y * classes * pixels + pixel;
    float best = values[0];
    int winner = 0, broken = !is_finite(best);
    for (int i = 1; i < classes; ++i) {
        const float value = values[(long long)i * pixels];
        broken += !is_finite(value);
        if (value > best) {
            best = value;
            winner = i;
        }
    }
    if (broken) atomicAdd(&headers[blockIdx.y].broken, broken);
    unsigned char* plane = rows + (long long)blockIdx.y * row_bytes + (long long)first_plane * pixels + pixel;
    for (int i = 0; i < planes; ++i) plane[(long long)i * pixels] = wanted[i] == winner;
}
