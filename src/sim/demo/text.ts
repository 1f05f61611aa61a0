/** Lines made of styled pieces: cut and padded by what is visible, painted only at the end. */
import type { Tone } from './view.ts';

export interface Piece {
  text: string;
  tone: Tone;
  bold?: boolean;
}

export type Line = readonly Piece[];

const COLOURS: Record<Tone, string> = { Plain: '', Good: '32', Bad: '31', Warning: '33', Quiet: '2' };

/** A piece of a line. Texts come from a cluster: nothing in them may steer the terminal. */
export function piece(text: string, tone: Tone = 'Plain', bold = false): Piece {
  return { text: text.replaceAll(/\p{Cc}+/gu, ' '), tone, bold };
}

/** A piece of exactly this width; what does not fit ends in an ellipsis. */
export function cell(text: string, width: number, tone: Tone = 'Plain', bold = false): Piece {
  return piece(cut(text, width).padEnd(width), tone, bold);
}

/** The line as text of at most `width` characters. */
export function paint(line: Line, width: number, colour: boolean): string {
  let left = width;
  let painted = '';
  for (const { text, tone, bold } of line) {
    const visible = cut(text, left);
    left -= Array.from(visible).length;
    const codes = [bold ? '1' : '', COLOURS[tone]].filter(code => code !== '').join(';');
    painted += colour && codes !== '' && visible !== '' ? `\x1b[${codes}m${visible}\x1b[0m` : visible;
  }
  return colour ? painted : painted.trimEnd();
}

/** Breaks a sentence into at most `most` lines of this width, at spaces where that is possible. */
export function wrap(sentence: string, width: number, most: number): string[] {
  const lines: string[] = [];
  let rest = sentence.trim();
  while (rest.length > width && lines.length < most - 1) {
    const space = rest.lastIndexOf(' ', width);
    const end = space > 0 ? space : width;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, cut(rest, width)];
}

function cut(text: string, width: number): string {
  const letters = Array.from(text);
  if (letters.length <= width) return text;
  return width <= 0 ? '' : `${letters.slice(0, width - 1).join('')}…`;
}
