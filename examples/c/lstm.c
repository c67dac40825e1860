/* An LSTM in plain C11 that follows the Keras dialect and speaks the worker protocol of docs/protocol.md.
 *
 *     cc -std=c11 -O2 -o lstm lstm.c -lm
 *     rnn-conformance doctor "cmd:./lstm"
 *     rnn-conformance run "cmd:./lstm" --only layer=lstm
 *     rnn-conformance run "cmd:./lstm --fault swap-gates" --only layer=lstm     (a planted mistake, to be found)
 *
 * A message is a line of JSON and the raw bytes of its arrays. This program needs few fields of a request, so it looks
 * them up by name in the text of the line instead of building a tree.  For a little-endian machine.
 */
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LINE = 1 << 20, MAX_ARRAYS = 8, MAX_LAYERS = 64 };

static bool swap_gates; /* the planted mistake: blocks i, f, o, g instead of i, f, g, o */

/* ------------------------------------------------------------------ JSON: find a value, by the name of its field */

/* The end of a JSON string that begins at `p` (on its first quote). */
static const char *string_end(const char *p) {
    for (p++; *p && *p != '"'; p++)
        if (*p == '\\' && p[1]) p++;
    return *p ? p + 1 : p;
}

/* Where the value of `name` begins, anywhere in `json`; NULL if there is no such field. */
static const char *find(const char *json, const char *name) {
    size_t length = strlen(name);
    for (const char *p = json; *p; p++) {
        if (*p != '"') continue;
        const char *end = string_end(p), *after = end + strspn(end, " ");
        bool same = (size_t)(end - p) == length + 2 && memcmp(p + 1, name, length) == 0;
        if (*after == ':' && same) return after + 1 + strspn(after + 1, " ");
        p = end - 1;
    }
    return NULL;
}

static long find_int(const char *json, const char *name, long otherwise) {
    const char *value = find(json, name);
    return value ? strtol(value, NULL, 10) : otherwise;
}

static bool find_true(const char *json, const char *name) {
    const char *value = find(json, name);
    return value && strncmp(value, "true", 4) == 0;
}

static bool find_text(const char *json, const char *name, const char *text) {
    const char *value = find(json, name);
    return value && *value == '"' && strncmp(value + 1, text, strlen(text)) == 0 && value[1 + strlen(text)] == '"';
}

/* ------------------------------------------------------------------ arrays: as bytes, with their type and shape */

typedef struct {
    char name[32];
    bool wide; /* float64; else float32 */
    int axes;
    long shape[4];
    long count;
    char *bytes;
} Array;

static size_t array_size(const Array *a) { return (size_t)a->count * (a->wide ? 8 : 4); }

static Array array_new(const char *name, bool wide, int axes, const long *shape) {
    Array a = {.wide = wide, .axes = axes, .count = 1};
    snprintf(a.name, sizeof a.name, "%s", name);
    for (int i = 0; i < axes; i++) a.count *= a.shape[i] = shape[i];
    a.bytes = calloc(array_size(&a) + 1, 1);
    if (!a.bytes) exit(3);
    return a;
}

static Array array_copy(const Array *a) {
    Array copy = array_new(a->name, a->wide, a->axes, a->shape);
    memcpy(copy.bytes, a->bytes, array_size(a));
    return copy;
}

static void array_free(Array *a) {
    free(a->bytes);
    *a = (Array){0};
}

static Array *array_find(Array *arrays, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(arrays[i].name, name) == 0) return &arrays[i];
    return NULL;
}

/* ------------------------------------------------------------------ the LSTM, once for each type */

typedef struct {
    bool built, wide, use_bias, return_sequences, return_state, go_backwards, initial_state;
    long features, units;
    Array weights[3];
    int weight_count;
    Array kept[MAX_ARRAYS]; /* what `recall` gives: x, states and outputs of the last kept call */
    int kept_count;
} Layer;

#define DEFINE_LSTM(REAL, NAME, EXP, TANH)                                                                        \
    static REAL sigmoid_##NAME(REAL v) { return 1 / (1 + EXP(-v)); }                                              \
    /* x: (timesteps, features) of one row; h, c: (units), changed in place; sequence: (timesteps, units) or NULL */ \
    static void lstm_##NAME(const Layer *layer, const REAL *x, long timesteps, REAL *h, REAL *c, REAL *sequence) { \
        const REAL *kernel = (REAL *)layer->weights[0].bytes, *recurrent = (REAL *)layer->weights[1].bytes;       \
        const REAL *bias = layer->use_bias ? (REAL *)layer->weights[2].bytes : NULL;                              \
        long units = layer->units, width = 4 * units;                                                             \
        REAL *z = malloc((size_t)width * sizeof *z);                                                              \
        if (!z) exit(3);                                                                                          \
        for (long step = 0; step < timesteps; step++) {                                                           \
            const REAL *now = x + (layer->go_backwards ? timesteps - 1 - step : step) * layer->features;          \
            for (long k = 0; k < width; k++) {                                                                    \
                z[k] = bias ? bias[k] : 0;                                                                        \
                for (long j = 0; j < layer->features; j++) z[k] += now[j] * kernel[j * width + k];                \
                for (long j = 0; j < units; j++) z[k] += h[j] * recurrent[j * width + k];                         \
            }                                                                                                     \
            const REAL *i = z, *f = z + units, *g = z + 2 * units, *o = z + 3 * units;                            \
            if (swap_gates) { const REAL *other = g; g = o; o = other; }                                          \
            for (long u = 0; u < units; u++) {                                                                    \
                c[u] = sigmoid_##NAME(f[u]) * c[u] + sigmoid_##NAME(i[u]) * TANH(g[u]);                           \
                h[u] = sigmoid_##NAME(o[u]) * TANH(c[u]);                                                         \
            }                                                                                                     \
            if (sequence) memcpy(sequence + step * units, h, (size_t)units * sizeof *h);                          \
        }                                                                                                         \
        free(z);                                                                                                  \
    }                                                                                                             \
    /* All rows of a batch. */                                                                                    \
    static void batch_##NAME(const Layer *layer, const Array *x, Array *h, Array *c, Array *sequence) {           \
        long timesteps = x->shape[1], units = layer->units;                                                       \
        for (long row = 0; row < x->shape[0]; row++)                                                              \
            lstm_##NAME(layer, (REAL *)x->bytes + row * timesteps * layer->features, timesteps,                   \
                        (REAL *)h->bytes + row * units, (REAL *)c->bytes + row * units,                           \
                        sequence ? (REAL *)sequence->bytes + row * timesteps * units : NULL);                     \
    }

DEFINE_LSTM(float, f32, expf, tanhf)
DEFINE_LSTM(double, f64, exp, tanh)

/* ------------------------------------------------------------------ answers */

static void write_arrays(const Array *arrays, int count) {
    for (int i = 0; i < count; i++) {
        const Array *a = &arrays[i];
        printf("%s{\"name\":\"%s\",\"dtype\":\"%s\",\"shape\":[", i ? "," : ",\"arrays\":[", a->name,
               a->wide ? "float64" : "float32");
        for (int k = 0; k < a->axes; k++) printf("%s%ld", k ? "," : "", a->shape[k]);
        printf("],\"nbytes\":%zu}", array_size(a));
    }
    printf("%s}\n", count ? "]" : "");
    for (int i = 0; i < count; i++) fwrite(arrays[i].bytes, 1, array_size(&arrays[i]), stdout);
    fflush(stdout);
}

static void fail(long id, const char *stage, const char *format, ...) {
    va_list values;
    va_start(values, format);
    printf("{\"id\":%ld,\"ok\":false,\"stage\":\"%s\",\"error\":{\"type\":\"ValueError\",", id, stage);
    printf("\"bases\":[\"ValueError\"],\"message\":\"");
    vprintf(format, values);
    printf("\"}}\n");
    fflush(stdout);
    va_end(values);
}

static const char *HELLO =
    "\"ok\":true,\"protocol\":1,\"dialect\":\"keras\",\"versions\":{\"lstm.c\":\"1\"},"
    "\"environment\":{\"device\":\"cpu\",\"language\":\"C11\"},\"capabilities\":{\"layers\":[\"lstm\"],"
    "\"modes\":[\"eager\"],\"options\":{\"dtype\":[\"float32\",\"float64\"],\"bidirectional\":[false],"
    "\"return_sequences\":[false,true],\"return_state\":[false,true],\"go_backwards\":[false,true],"
    "\"use_bias\":[true,false],\"activation\":[\"tanh\"],\"recurrent_activation\":[\"sigmoid\"],"
    "\"unit_forget_bias\":[true,false],\"unroll\":[false],\"zero_output_for_mask\":[false],\"mask\":[\"none\"],"
    "\"initial_state\":[false,true]}}}\n";

/* ------------------------------------------------------------------ requests */

static Layer layers[MAX_LAYERS];

static Layer *layer_of(const char *line) { return &layers[(unsigned long)find_int(line, "handle", 0) % MAX_LAYERS]; }

static void forget_kept(Layer *layer) {
    while (layer->kept_count) array_free(&layer->kept[--layer->kept_count]);
}

static void forget(Layer *layer) {
    forget_kept(layer);
    while (layer->weight_count) array_free(&layer->weights[--layer->weight_count]);
    layer->built = false;
}

static void build(long id, const char *line) {
    static const char *names[] = {"weights.0", "weights.1", "weights.2"};
    Layer *layer = layer_of(line);
    const char *options = find(line, "options"), *sizes = find(line, "sizes"), *arguments = find(line, "arguments");
    forget(layer);
    if (!options || !sizes) { fail(id, "adapter", "a request to build needs options and sizes"); return; }
    long units = find_int(sizes, "units", 0), features = find_int(sizes, "features", 0);
    if (arguments) units = find_int(arguments, "units", units);
    if (units < 1 || features < 1) { fail(id, "construct", "units must be positive, not %ld", units); return; }
    if (arguments && strncmp(arguments, "{}", 2) != 0 && strncmp(arguments, "{\"units\"", 8) != 0) {
        fail(id, "construct", "there is no such argument or value");
        return;
    }
    *layer = (Layer){.built = true, .units = units, .features = features};
    layer->wide = find_text(options, "dtype", "float64");
    layer->use_bias = find_true(options, "use_bias");
    layer->return_sequences = find_true(options, "return_sequences");
    layer->return_state = find_true(options, "return_state");
    layer->go_backwards = find_true(options, "go_backwards");
    layer->initial_state = find_true(options, "initial_state");
    layer->weight_count = layer->use_bias ? 3 : 2;
    layer->weights[0] = array_new(names[0], layer->wide, 2, (long[]){features, 4 * units});
    layer->weights[1] = array_new(names[1], layer->wide, 2, (long[]){units, 4 * units});
    if (layer->use_bias) {
        layer->weights[2] = array_new(names[2], layer->wide, 1, (long[]){4 * units});
        for (long u = units; find_true(options, "unit_forget_bias") && u < 2 * units; u++)
            if (layer->wide) ((double *)layer->weights[2].bytes)[u] = 1;
            else ((float *)layer->weights[2].bytes)[u] = 1;
    }
    printf("{\"id\":%ld,\"ok\":true,\"weights\":[\"kernel\",\"recurrent_kernel\"%s]", id,
           layer->use_bias ? ",\"bias\"" : "");
    write_arrays(layer->weights, layer->weight_count);
}

/* Take the weights of a call, if it has any; false if they do not fit. */
static bool take_weights(Layer *layer, Array *arrays, int count) {
    for (int i = 0; i < layer->weight_count; i++) {
        Array *given = array_find(arrays, count, layer->weights[i].name);
        if (!given) continue;
        if (given->count != layer->weights[i].count || given->wide != layer->wide) return false;
        memcpy(layer->weights[i].bytes, given->bytes, array_size(given));
    }
    return true;
}

static Array state_of(const Layer *layer, const Array *given, const char *name, long batch) {
    Array state = given ? array_copy(given) : array_new(name, layer->wide, 2, (long[]){batch, layer->units});
    snprintf(state.name, sizeof state.name, "%s", name);
    return state;
}

static void call(long id, const char *line, Array *arrays, int count) {
    Layer *layer = layer_of(line);
    Array *x = array_find(arrays, count, "x");
    if (!layer->built || !x) { fail(id, "adapter", "nothing to call, or nothing to call it with"); return; }
    if (!take_weights(layer, arrays, count)) { fail(id, "weights", "weights of another shape or type"); return; }
    if (x->axes != 3) { fail(id, "call", "expected an input of 3 axes, not %d", x->axes); return; }
    if (x->shape[2] != layer->features || x->wide != layer->wide) { fail(id, "call", "another input"); return; }
    Array *given_h = array_find(arrays, count, "initial_state.0"), *given_c = array_find(arrays, count, "initial_state.1");
    long batch = x->shape[0];
    for (int i = 0; i < 2; i++) {
        const Array *state = i ? given_c : given_h;
        if (state && (state->wide != layer->wide || state->axes != 2 || state->shape[0] != batch ||
                      state->shape[1] != layer->units)) {
            fail(id, "call", "an initial state of another shape or type");
            return;
        }
    }
    Array h = state_of(layer, given_h, "outputs.1", batch), c = state_of(layer, given_c, "outputs.2", batch);
    Array sequence = array_new("outputs.0", layer->wide, 3, (long[]){batch, x->shape[1], layer->units});
    if (layer->wide) batch_f64(layer, x, &h, &c, &sequence);
    else batch_f32(layer, x, &h, &c, &sequence);

    Array last = array_copy(&h);
    snprintf(last.name, sizeof last.name, "outputs.0");
    Array outputs[] = {layer->return_sequences ? sequence : last, h, c};
    int output_count = layer->return_state ? 3 : 1;
    printf("{\"id\":%ld,\"ok\":true,\"seconds\":0,\"structure\":%s", id,
           layer->return_state ? "{\"tuple\":[0,1,2]}" : "0");
    write_arrays(outputs, output_count);
    if (find_true(line, "keep")) {
        forget_kept(layer);
        layer->kept[layer->kept_count++] = array_copy(x);
        if (given_h) layer->kept[layer->kept_count++] = array_copy(given_h);
        if (given_c) layer->kept[layer->kept_count++] = array_copy(given_c);
        for (int i = 0; i < output_count; i++) layer->kept[layer->kept_count++] = array_copy(&outputs[i]);
    }
    array_free(&h), array_free(&c), array_free(&sequence), array_free(&last);
}

static void recall(long id, const char *line) {
    Layer *layer = layer_of(line);
    if (!layer->built || !layer->kept_count) { fail(id, "adapter", "no call was kept"); return; }
    Array all[MAX_ARRAYS + 3];
    int count = 0;
    for (int i = 0; i < layer->kept_count; i++) all[count++] = layer->kept[i];
    for (int i = 0; i < layer->weight_count; i++) all[count++] = layer->weights[i];
    printf("{\"id\":%ld,\"ok\":true", id);
    write_arrays(all, count);
}

/* The arrays that a line announces, with their bytes from standard input; -1 if they cannot be read. */
static int read_arrays(const char *line, Array *arrays) {
    int count = 0;
    const char *entry = find(line, "arrays");
    while (entry && (entry = strchr(entry, '{')) != NULL) {
        const char *name = find(entry, "name"), *shape = find(entry, "shape");
        long axes[4] = {0};
        int used = 0;
        if (count == MAX_ARRAYS || !name || !shape) return -1;
        for (char *p = (char *)shape + 1; *p != ']' && used < 4; p += *p == ',') axes[used++] = strtol(p, &p, 10);
        char text[32];
        snprintf(text, sizeof text, "%.*s", (int)(string_end(name) - name - 2), name + 1);
        arrays[count] = array_new(text, find_text(entry, "dtype", "float64"), used, axes);
        if (fread(arrays[count].bytes, 1, array_size(&arrays[count]), stdin) != array_size(&arrays[count])) return -1;
        count++;
        entry = strchr(entry, '}');
    }
    return count;
}

int main(int argc, char **argv) {
    static char line[MAX_LINE + 2];
    swap_gates = argc == 3 && strcmp(argv[1], "--fault") == 0 && strcmp(argv[2], "swap-gates") == 0;
    if (argc != 1 && !swap_gates) { fprintf(stderr, "usage: lstm [--fault swap-gates]\n"); return 2; }
    while (fgets(line, sizeof line, stdin)) {
        Array arrays[MAX_ARRAYS] = {0};
        int count = read_arrays(line, arrays);
        long id = find_int(line, "id", 0);
        if (count < 0) { fprintf(stderr, "not a request: %.60s\n", line); return 2; }
        if (find_text(line, "op", "quit")) return 0;
        if (find_text(line, "op", "hello")) { printf("{\"id\":%ld,%s", id, HELLO); fflush(stdout); }
        else if (find_text(line, "op", "build")) build(id, line);
        else if (find_text(line, "op", "call")) call(id, line, arrays, count);
        else if (find_text(line, "op", "recall")) recall(id, line);
        else if (find_text(line, "op", "release")) { forget(layer_of(line)); printf("{\"id\":%ld,\"ok\":true}\n", id); fflush(stdout); }
        else fail(id, "adapter", "unknown op");
        for (int i = 0; i < count; i++) array_free(&arrays[i]);
    }
    return 0;
}
