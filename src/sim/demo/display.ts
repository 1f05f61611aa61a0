/** Puts the demo's picture where it is seen: redrawn in place on a terminal, one line an event anywhere else. */
import { logLine, screen } from './screen.ts';
import type { DemoView } from './view.ts';

/** What a display writes to; `process.stdout` fits. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

export interface Display {
  show(view: DemoView): void;
  /** Leaves the last picture standing and the terminal as it was. */
  close(): void;
}

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const CLEAR_TO_END_OF_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';
const LARGEST = { width: 120, height: 34 };
/** Narrower than this the columns say nothing: a log is of more use. */
const NARROWEST = { width: 60, height: 16 };

export function displayOn(output: Output, options: { colour: boolean }): Display {
  const { columns = LARGEST.width, rows = LARGEST.height } = output;
  const large = columns >= NARROWEST.width && rows >= NARROWEST.height;
  return output.isTTY === true && large ? new LiveScreen(output, options.colour) : new PlainLog(output);
}

class LiveScreen implements Display {
  readonly #output: Output;
  readonly #colour: boolean;
  #drawn: string[] = [];
  #hidden = false;

  constructor(output: Output, colour: boolean) {
    this.#output = output;
    this.#colour = colour;
  }

  show(view: DemoView): void {
    const { columns = LARGEST.width, rows = LARGEST.height } = this.#output;
    // the row below the picture is where the cursor rests: a full screen would scroll
    const paper = { width: Math.min(columns, LARGEST.width), height: Math.min(rows - 1, LARGEST.height) };
    const lines = screen(view, { ...paper, colour: this.#colour });
    if (lines.join('\n') === this.#drawn.join('\n')) return;
    const up = this.#drawn.length > 0 ? `\x1b[${this.#drawn.length}A\r` : '';
    const body = lines.map(line => `${line}${CLEAR_TO_END_OF_LINE}\n`).join('');
    this.#output.write(`${this.#hidden ? '' : HIDE_CURSOR}${up}${body}${CLEAR_BELOW}`);
    this.#hidden = true;
    this.#drawn = lines;
  }

  close(): void {
    if (this.#hidden) this.#output.write(SHOW_CURSOR);
    this.#hidden = false;
    this.#drawn = [];
  }
}

class PlainLog implements Display {
  readonly #output: Output;
  #seen = Number.NEGATIVE_INFINITY;

  constructor(output: Output) {
    this.#output = output;
  }

  show({ events }: DemoView): void {
    for (const event of events) {
      if (event.id <= this.#seen) continue;
      this.#seen = event.id;
      this.#output.write(`${logLine(event)}\n`);
    }
  }

  close(): void {
    // every line is out already
  }
}
