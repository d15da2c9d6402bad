// Finds a whole number such that SHA-256 of salt + number starts with `difficulty` zero bits. A small SHA-256 of our own:
// crypto.subtle answers one promise a hash, which is twenty times slower than counting here.
const K = new Uint32Array(64);
const INIT = new Uint32Array(8);
{
  let found = 0;
  for (let n = 2; found < 64; n++) {
    let prime = true;
    for (let d = 2; d * d <= n; d++) if (n % d === 0) { prime = false; break; }
    if (!prime) continue;
    const cube = Math.cbrt(n);
    const root = Math.sqrt(n);
    if (found < 8) INIT[found] = ((root - Math.floor(root)) * 4294967296) >>> 0;
    K[found++] = ((cube - Math.floor(cube)) * 4294967296) >>> 0;
  }
}

const W = new Uint32Array(64);

function compress(state, block, at) {
  for (let i = 0; i < 16; i++) {
    const j = at + i * 4;
    W[i] = (block[j] << 24) | (block[j + 1] << 16) | (block[j + 2] << 8) | block[j + 3];
  }
  for (let i = 16; i < 64; i++) {
    const x = W[i - 15];
    const y = W[i - 2];
    W[i] = W[i - 16] + W[i - 7] + (((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)) + (((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10));
  }
  let [a, b, c, d, e, f, g, h] = state;
  for (let i = 0; i < 64; i++) {
    const t1 = (h + (((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))) + ((e & f) ^ (~e & g)) + K[i] + W[i]) | 0;
    const t2 = ((((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g; g = f; f = e; e = (d + t1) | 0; d = c; c = b; b = a; a = (t1 + t2) | 0;
  }
  state[0] += a; state[1] += b; state[2] += c; state[3] += d; state[4] += e; state[5] += f; state[6] += g; state[7] += h;
}

function digest(bytes) {
  const length = bytes.length;
  const padded = new Uint8Array(((length + 9 + 63) >> 6) << 6);
  padded.set(bytes);
  padded[length] = 0x80;
  new DataView(padded.buffer).setUint32(padded.length - 4, length * 8);
  const state = INIT.slice();
  for (let at = 0; at < padded.length; at += 64) compress(state, padded, at);
  return state;
}

function leadingZeros(state) {
  let bits = 0;
  for (const word of state) {
    if (word !== 0) return bits + Math.clz32(word);
    bits += 32;
  }
  return bits;
}

self.onmessage = ({ data }) => {
  const { salt, difficulty } = data;
  const encoder = new TextEncoder();
  for (let number = 0; ; number++) {
    if (leadingZeros(digest(encoder.encode(salt + number))) >= difficulty) {
      self.postMessage({ number: String(number) });
      return;
    }
  }
};
