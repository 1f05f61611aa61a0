/** A counter as a function of time: straight pieces and jumps, so that its increase over any past span is exact. */

/** From `at` on the value is `value + rate × (t − at)`, until the next piece begins. */
interface Piece {
  at: number;
  value: number;
  perSecond: number;
}

/** Times are milliseconds since the epoch and must not go backwards from one change to the next. */
export class Counter {
  readonly born: number;
  readonly #pieces: Piece[];

  constructor(born: number) {
    this.born = born;
    this.#pieces = [{ at: born, value: 0, perSecond: 0 }];
  }

  /** Grows by this much a second from `at` on. */
  setRate(at: number, perSecond: number): void {
    const last = this.#pieces.at(-1)!;
    if (last.perSecond === perSecond) return;
    this.#begin(at, valueOf(last, at), perSecond);
  }

  /** Jumps up at once. A span that begins exactly at `at` does not see the jump, one that ends there does. */
  add(at: number, amount: number): void {
    if (amount === 0) return;
    const last = this.#pieces.at(-1)!;
    this.#begin(at, valueOf(last, at) + amount, last.perSecond);
  }

  get perSecond(): number {
    return this.#pieces.at(-1)!.perSecond;
  }

  /** Zero before the counter was born; before what was forgotten, the oldest value that is known. */
  valueAt(time: number): number {
    if (time < this.born) return 0;
    const piece = this.#pieces[this.#indexAt(time)];
    return piece === undefined ? this.#pieces[0]!.value : valueOf(piece, time);
  }

  /** Growth in the span (from, to]. */
  increase(from: number, to: number): number {
    return this.valueAt(to) - this.valueAt(from);
  }

  /** Forgets what lies before `time`: the value there stays right, the way to it is lost. */
  forgetBefore(time: number): void {
    const keep = this.#indexAt(time);
    if (keep > 0) this.#pieces.splice(0, keep);
  }

  /** How many pieces are held: the memory the counter takes. */
  get size(): number {
    return this.#pieces.length;
  }

  #begin(at: number, value: number, perSecond: number): void {
    const last = this.#pieces.at(-1)!;
    if (at < last.at) throw new RangeError(`a counter cannot change at ${at}, before its last change at ${last.at}`);
    if (at === last.at) this.#pieces.pop();
    this.#pieces.push({ at, value, perSecond });
  }

  /** Index of the last piece that begins at or before `time`; -1 when there is none. */
  #indexAt(time: number): number {
    let low = 0;
    let high = this.#pieces.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#pieces[middle]!.at <= time) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function valueOf(piece: Piece, time: number): number {
  return piece.value + (piece.perSecond * (time - piece.at)) / 1000;
}
