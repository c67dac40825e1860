// An LSTM in JavaScript that follows the Keras dialect and speaks the worker protocol of docs/protocol.md.
//
//     rnn-conformance doctor "cmd:node lstm.mjs"
//     rnn-conformance run "cmd:node lstm.mjs" --only layer=lstm
//     rnn-conformance run "cmd:node lstm.mjs --fault swap-gates" --only layer=lstm    (a planted mistake, to be found)
//
// Node 18 or newer, no packages. For a little-endian machine.

import { readSync, writeSync } from "node:fs";

const swapGates = process.argv.slice(2).join(" ") === "--fault swap-gates";

const OPTIONS = {
  dtype: ["float32", "float64"],
  bidirectional: [false],
  return_sequences: [false, true],
  return_state: [false, true],
  go_backwards: [false, true],
  use_bias: [true, false],
  activation: ["tanh"],
  recurrent_activation: ["sigmoid"],
  unit_forget_bias: [true, false],
  unroll: [false],
  zero_output_for_mask: [false],
  mask: ["none"],
  initial_state: [false, true],
};

// ------------------------------------------------------------------ arrays: {dtype, shape, data}, flat and C order

const TYPES = { float32: Float32Array, float64: Float64Array };

const zeros = (dtype, shape) => ({ dtype, shape, data: new TYPES[dtype](shape.reduce((a, b) => a * b, 1)) });

const copy = (array) => ({ ...array, data: array.data.slice() });

const sameForm = (a, b) => a.dtype === b.dtype && String(a.shape) === String(b.shape);

// ------------------------------------------------------------------ the LSTM

const sigmoid = (v) => 1 / (1 + Math.exp(-v));

class StageError extends Error {
  constructor(stage, message) {
    super(message);
    this.stage = stage;
  }
}

class LSTM {
  constructor(options, { features, units }) {
    if (!(units >= 1)) throw new StageError("construct", `units must be positive, not ${units}`);
    Object.assign(this, { options, features, units });
    this.weights = [zeros(options.dtype, [features, 4 * units]), zeros(options.dtype, [units, 4 * units])];
    if (options.use_bias) {
      const bias = zeros(options.dtype, [4 * units]);
      if (options.unit_forget_bias) bias.data.fill(1, units, 2 * units);
      this.weights.push(bias);
    }
  }

  // One step of one row: x (features), h and c (units), which are changed in place.
  step(x, h, c) {
    const [kernel, recurrent, bias] = this.weights.map((weight) => weight.data);
    const { units } = this;
    const width = 4 * units;
    const z = bias ? bias.slice() : new kernel.constructor(width); // of the layer's type: sums round as it does
    for (let k = 0; k < width; k++) {
      for (let j = 0; j < this.features; j++) z[k] += x[j] * kernel[j * width + k];
      for (let j = 0; j < units; j++) z[k] += h[j] * recurrent[j * width + k];
    }
    const [i, f, second, third] = [0, 1, 2, 3].map((block) => z.subarray(block * units, (block + 1) * units));
    const [g, o] = swapGates ? [third, second] : [second, third];
    for (let u = 0; u < units; u++) {
      c[u] = sigmoid(f[u]) * c[u] + sigmoid(i[u]) * Math.tanh(g[u]);
      h[u] = sigmoid(o[u]) * Math.tanh(c[u]);
    }
  }

  // x (batch, timesteps, features), states [h, c] (batch, units) or undefined; [sequence, h, c].
  run(x, states) {
    const { dtype } = this.options;
    const [batch, timesteps, features] = x.shape;
    const { units } = this;
    const [h, c] = states ? states.map(copy) : [zeros(dtype, [batch, units]), zeros(dtype, [batch, units])];
    const sequence = zeros(dtype, [batch, timesteps, units]);
    for (let row = 0; row < batch; row++) {
      const [rowH, rowC] = [h, c].map((state) => state.data.subarray(row * units, (row + 1) * units));
      for (let step = 0; step < timesteps; step++) {
        const t = this.options.go_backwards ? timesteps - 1 - step : step;
        const start = (row * timesteps + t) * features;
        this.step(x.data.subarray(start, start + features), rowH, rowC);
        sequence.data.set(rowH, (row * timesteps + step) * units);
      }
    }
    return [sequence, h, c];
  }

  call(x, states) {
    if (x.shape.length !== 3) throw new StageError("call", `expected an input of 3 axes, not ${x.shape.length}`);
    const [sequence, h, c] = this.run(x, states);
    const output = this.options.return_sequences ? sequence : copy(h);
    return this.options.return_state ? [output, h, c] : [output];
  }
}

// ------------------------------------------------------------------ requests

const layers = new Map();
const kept = new Map();

const numbered = (name, arrays) => Object.fromEntries(arrays.map((array, index) => [`${name}.${index}`, array]));

const listed = (name, arrays) =>
  Object.keys(arrays).filter((key) => key.startsWith(`${name}.`)).map((_, index) => arrays[`${name}.${index}`]);

function layerOf({ handle }) {
  if (!layers.has(handle)) throw new StageError("adapter", `handle ${handle} was never built, or was released`);
  return layers.get(handle);
}

const operations = {
  hello: () => [{
    protocol: 1,
    dialect: "keras",
    versions: { "lstm.mjs": "1", node: process.versions.node },
    environment: { device: "cpu", language: "JavaScript" },
    capabilities: { layers: ["lstm"], options: OPTIONS, modes: ["eager"] },
  }, {}],

  build({ handle, layer, options, sizes, arguments: given = {} }) {
    if (layer !== "lstm") throw new StageError("construct", `there is no layer ${layer}`);
    for (const [name, value] of Object.entries(given))
      if (name !== "units" && !(OPTIONS[name] ?? []).includes(value))
        throw new StageError("construct", `${name}=${value} is not supported`);
    const made = new LSTM({ ...options, ...given }, { ...sizes, units: given.units ?? sizes.units });
    layers.set(handle, made);
    const names = ["kernel", "recurrent_kernel", "bias"].slice(0, made.weights.length);
    return [{ weights: names }, numbered("weights", made.weights)];
  },

  call(request, arrays) {
    const layer = layerOf(request);
    const weights = listed("weights", arrays);
    if (weights.length) {
      if (weights.length !== layer.weights.length || !weights.every((it, index) => sameForm(it, layer.weights[index])))
        throw new StageError("weights", "weights of another number, shape or type");
      layer.weights = weights;
    }
    const states = listed("initial_state", arrays);
    const outputs = layer.call(arrays.x, states.length ? states : undefined);
    if (request.keep)
      kept.set(request.handle, { x: arrays.x, ...numbered("initial_state", states), ...numbered("outputs", outputs) });
    const structure = outputs.length === 1 ? 0 : { tuple: outputs.map((_, index) => index) };
    return [{ structure, seconds: 0 }, numbered("outputs", outputs)];
  },

  recall(request) {
    const layer = layerOf(request);
    if (!kept.has(request.handle)) throw new StageError("adapter", "no call was kept");
    return [{}, { ...kept.get(request.handle), ...numbered("weights", layer.weights) }];
  },

  release({ handle }) {
    layers.delete(handle);
    kept.delete(handle);
    return [{}, {}];
  },
};

function answer(request, arrays) {
  try {
    const operation = operations[request.op];
    if (!operation) throw new StageError("adapter", `unknown op ${request.op}`);
    const [fields, named] = operation(request, arrays);
    return [{ id: request.id, ok: true, ...fields }, named];
  } catch (error) {
    const type = error instanceof StageError ? "ValueError" : error.constructor.name;
    const described = { type, bases: [type, "Error"], message: error.message };
    return [{ id: request.id, ok: false, stage: error.stage ?? "adapter", error: described }, {}];
  }
}

// ------------------------------------------------------------------ messages

let buffered = Buffer.alloc(0);

// More bytes from standard input; false at its end.
function more() {
  const chunk = Buffer.alloc(1 << 16);
  for (;;) {
    try {
      const count = readSync(0, chunk);
      buffered = Buffer.concat([buffered, chunk.subarray(0, count)]);
      return count > 0;
    } catch (error) {
      if (error.code === "EOF") return false;
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

function take(count) {
  while (buffered.length < count) if (!more()) throw new Error("the input ends inside a message");
  const bytes = buffered.subarray(0, count);
  buffered = buffered.subarray(count);
  return bytes;
}

function readMessage() {
  while (!buffered.includes(10)) if (!more()) return undefined;
  const request = JSON.parse(take(buffered.indexOf(10) + 1).toString("utf8"));
  const arrays = {};
  for (const { name, dtype, shape, nbytes } of request.arrays ?? []) {
    if (!TYPES[dtype]) throw new Error(`no arrays of ${dtype} were asked for`);
    arrays[name] = { dtype, shape, data: new TYPES[dtype](new Uint8Array(take(nbytes)).buffer) };
  }
  return [request, arrays];
}

function writeMessage(fields, named) {
  const arrays = Object.entries(named).map(([name, { dtype, shape, data }]) => (
    { name, dtype, shape, nbytes: data.byteLength }));
  const parts = [Buffer.from(`${JSON.stringify(arrays.length ? { ...fields, arrays } : fields)}\n`)];
  for (const { data } of Object.values(named)) parts.push(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  let rest = Buffer.concat(parts);
  while (rest.length) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

for (let message = readMessage(); message && message[0].op !== "quit"; message = readMessage())
  writeMessage(...answer(...message));
