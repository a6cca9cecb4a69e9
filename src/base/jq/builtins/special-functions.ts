/**
 * Functions that JavaScript lacks, to about 13 digits. Bessel functions are integrals over one period, which the trapezoid
 * rule computes as exactly as floats allow; the original uses polynomials.
 */

const lanczos = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

const factorials = Array.from({ length: 171 }, (_, n) => {
  let result = 1;
  for (let factor = 2; factor <= n; factor++) result *= factor;
  return result;
});

export function gamma(x: number): number {
  if (Number.isInteger(x)) {
    if (x > 0) return factorials[x - 1] ?? Infinity;
    return x === 0 ? 1 / x : Number.NaN;
  }
  if (x === -Infinity || Number.isNaN(x)) return Number.NaN;
  if (x < 0.5) {
    const other = gamma(1 - x);
    return other === Infinity ? 0 : Math.PI / (Math.sin(Math.PI * x) * other);
  }
  if (x > 171.7) return Infinity;
  const { sum, t } = lanczosOf(x - 1);
  const half = t ** ((x - 0.5) / 2);
  return Math.sqrt(2 * Math.PI) * half * Math.exp(-t) * half * sum;
}

function lanczosOf(x: number): { readonly sum: number; readonly t: number } {
  const [first = 0, ...rest] = lanczos;
  const sum = rest.reduce((total, coefficient, at) => total + coefficient / (x + at + 1), first);
  return { sum, t: x + 7.5 };
}

/** Of the size of gamma. */
export function logGamma(x: number): number {
  if (Math.abs(x) === Infinity) return x === Infinity ? x : -x;
  if (Number.isNaN(x)) return x;
  if (Number.isInteger(x) && x <= 0) return Infinity;
  if (x === 1 || x === 2) return 0;
  if (x < 0.5) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - logGamma(1 - x);
  if (x < 100) return Math.log(gamma(x));
  const { sum, t } = lanczosOf(x - 1);
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

export function erf(x: number): number {
  const size = Math.abs(x);
  if (size > 2) return Math.sign(x) * (1 - erfcOfLarge(size));
  let term = x;
  let sum = x;
  for (let n = 1; n < 100 && Math.abs(term) > Math.abs(sum) * 1e-18; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

export function erfc(x: number): number {
  if (x > 2) return erfcOfLarge(x);
  return x < -2 ? 2 - erfcOfLarge(-x) : 1 - erf(x);
}

/** A continued fraction, from its end. */
function erfcOfLarge(x: number): number {
  if (x > 27.3) return 0;
  let fraction = x;
  for (let n = 120; n > 0; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
}

/** Beyond it both are zero to the digits that can be relied on. */
const maxArgument = 100_000;
const maxOrder = 1_000;

export function besselJ(order: number, x: number): number {
  if (Number.isNaN(x) || Number.isNaN(order)) return Number.NaN;
  const n = Math.abs(order);
  if (Math.abs(x) === Infinity || n > maxOrder) return 0;
  const sign = order < 0 && n % 2 === 1 ? -1 : 1;
  const size = Math.abs(x);
  const mirrored = x < 0 && n % 2 === 1 ? -sign : sign;
  if (size > maxArgument) return mirrored * asymptotic(n, size, Math.cos);
  const points = Math.ceil(size + n + 40);
  let sum = 0;
  for (let at = 0; at < points; at++) {
    const angle = (2 * Math.PI * (at + 0.5)) / points;
    sum += Math.cos(n * angle - size * Math.sin(angle));
  }
  return (mirrored * sum) / points;
}

function asymptotic(n: number, x: number, wave: (angle: number) => number): number {
  return Math.sqrt(2 / (Math.PI * x)) * wave(x - (n * Math.PI) / 2 - Math.PI / 4);
}

export function besselY(order: number, x: number): number {
  if (Number.isNaN(x) || Number.isNaN(order) || x < 0) return Number.NaN;
  const n = Math.abs(order);
  const sign = order < 0 && n % 2 === 1 ? -1 : 1;
  if (x === 0) return sign * -Infinity;
  if (x === Infinity) return 0;
  if (n > maxOrder) return sign * -Infinity;
  if (x > maxArgument) return sign * asymptotic(n, x, Math.sin);
  return sign * upwards(n, x);
}

/** From the orders 0 and 1. */
function upwards(n: number, x: number): number {
  let [before, found] = [firstY(0, x), firstY(1, x)];
  if (n === 0) return before;
  for (let order = 1; order < n && found > -Infinity; order++) {
    [before, found] = [found, ((2 * order) / x) * found - before];
  }
  return found;
}

/** The two integrals of Y, each by panels of Gauss's rule. */
function firstY(n: number, x: number): number {
  const wave = (angle: number): number => Math.sin(x * Math.sin(angle) - n * angle);
  const fading = (t: number): number =>
    (Math.exp(n * t) + (n % 2 === 0 ? 1 : -1) * Math.exp(-n * t)) * Math.exp(-x * Math.sinh(t));
  const panels = Math.ceil(4 + x / 2);
  const end = Math.asinh(750 / x);
  return (integral(wave, 0, Math.PI, panels) - integral(fading, 0, end, 60)) / Math.PI;
}

const nodes = [0.1488743389816312, 0.4333953941292472, 0.6794095682990244, 0.8650633666889845, 0.9739065285171717];
const weights = [0.2955242247147529, 0.2692667193099963, 0.219086362515982, 0.1494513491505806, 0.0666713443086881];

function integral(f: (x: number) => number, from: number, to: number, panels: number): number {
  const half = (to - from) / panels / 2;
  let sum = 0;
  for (let panel = 0; panel < panels; panel++) {
    const middle = from + half * (2 * panel + 1);
    for (const [at, node] of nodes.entries()) {
      sum += (weights[at] ?? 0) * (f(middle - half * node) + f(middle + half * node));
    }
  }
  return sum * half;
}
