// Crop, resize, pad, order the colours and normalise every view of a frame in one launch; `twin.py` defines the result.
//
// Macros: ELEMENT (unsigned type as wide as one input value), PLANAR, SWAP (RGB wanted), ANTIALIAS.
// One thread makes one pixel of one row of the batch: blockIdx.z is the row.
//
// Resizing is a weighted mean, and every weight is an integer: target pixel t lies over source position
// (2t + 1) * source / (2 * target), so a tap's distance from it, times 2 * target, is a whole number. The mean is
// therefore exact until the one division at its end, on this processor as on any other.

struct View {
    const unsigned char* image;  // (H, W, 3) BGR
    int pitch;                   // bytes a line of the image
    int x, y, width, height;     // what is read of the image
    int left, top, right, bottom;  // what is written of the input; the rest is padding
};

struct Taps {
    int first, last;            // inclusive
    int centre, step, reach;    // weight of tap i: reach - |(2i + 1) * step - centre|
};

__device__ int floor_divide(int a, int b) { return a / b - (a % b < 0); }

__device__ Taps taps_of(int index, int source, int target) {
    Taps taps;
    taps.step = target;
    taps.reach = 2 * (ANTIALIAS && source > 2 * target ? source : target);
    taps.centre = (2 * index + 1) * source;
    taps.first = max(0, floor_divide(taps.centre - taps.reach - target, 2 * target) + 1);
    taps.last = min(source - 1, -floor_divide(target - taps.centre - taps.reach, 2 * target) - 1);
    return taps;
}

__device__ int weight_of(const Taps& taps, int i) { return taps.reach - abs((2 * i + 1) * taps.step - taps.centre); }

extern "C" __global__ void preprocess(
    const View* __restrict__ views, const ELEMENT* __restrict__ table, ELEMENT* __restrict__ batch,
    int width, int height, int pad) {
    const int column = blockIdx.x * blockDim.x + threadIdx.x;
    const int line = blockIdx.y * blockDim.y + threadIdx.y;
    if (column >= width || line >= height) return;
    const View view = views[blockIdx.z];

    int blue = pad, green = pad, red = pad;
    if (column >= view.left && column < view.right && line >= view.top && line < view.bottom) {
        const Taps across = taps_of(column - view.left, view.width, view.right - view.left);
        const Taps down = taps_of(line - view.top, view.height, view.bottom - view.top);
        long long sum_blue = 0, sum_green = 0, sum_red = 0, across_weight = 0, down_weight = 0;
        for (int i = across.first; i <= across.last; ++i) across_weight += weight_of(across, i);
        for (int j = down.first; j <= down.last; ++j) {
            const unsigned char* pixel =
                view.image + (long long)(view.y + j) * view.pitch + (view.x + across.first) * 3;
            long long line_blue = 0, line_green = 0, line_red = 0;
            for (int i = across.first; i <= across.last; ++i, pixel += 3) {
                const long long weight = weight_of(across, i);
                line_blue += weight * pixel[0];
                line_green += weight * pixel[1];
                line_red += weight * pixel[2];
            }
            const long long weight = weight_of(down, j);
            down_weight += weight;
            sum_blue += weight * line_blue;
            sum_green += weight * line_green;
            sum_red += weight * line_red;
        }
        const float total = (float)(across_weight * down_weight);
        blue = (int)rintf((float)sum_blue / total);
        green = (int)rintf((float)sum_green / total);
        red = (int)rintf((float)sum_red / total);
    }

    const ELEMENT first = table[SWAP ? red : blue], second = table[256 + green], third = table[512 + (SWAP ? blue : red)];
    const long long plane = (long long)width * height, place = (long long)line * width + column;
    ELEMENT* row = batch + blockIdx.z * plane * 3;
    if (PLANAR) {
        row[place] = first;
        row[plane + place] = second;
        row[2 * plane + place] = third;
    } else {
        row[3 * place] = first;
        row[3 * place + 1] = second;
        row[3 * place + 2] = third;
    }
}
