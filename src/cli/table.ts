/** Lays text out in columns and paragraphs. Without a width nothing is wrapped: what is piped stays one line a row. */

/** Characters a line; undefined where the reader is no terminal. */
export type Width = number | undefined;

const GAP = '  ';
/** A last column that is narrower reads badly: it goes below its row instead. */
const NARROWEST = 36;
const BELOW = '    ';

/** Rows under a head. The last column takes what is left and wraps. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], width: Width): string[] {
  const all = [head, ...rows].map(row => row.map(clean));
  const last = head.length - 1;
  const widths = head.map((_, column) => Math.max(...all.map(row => (row[column] ?? '').length)));
  const indent = widths.slice(0, last).reduce((sum, each) => sum + each + GAP.length, 0);
  const fits = width === undefined || indent + widths[last]! <= width;
  const below = !fits && width - indent < NARROWEST;
  return all.flatMap((row, number) => {
    const cells = row.slice(0, last).map((cell, column) => cell.padEnd(widths[column]!) + GAP);
    const tail = row[last] ?? '';
    if (!below) return hanging(cells.join(''), tail, indent, width);
    // the head needs no word for what stands below
    const more = number === 0 ? [] : paragraph(tail, width, BELOW);
    return [cells.join('').trimEnd(), ...more];
  });
}

/** Names and values, one a line; values wrap beside their names. */
export function fields(pairs: readonly (readonly [name: string, value: string | undefined])[], width: Width): string[] {
  const given = pairs.filter(([, value]) => value !== undefined && value !== '');
  const longest = Math.max(0, ...given.map(([name]) => name.length));
  return given.flatMap(([name, value]) =>
    hanging(name.padEnd(longest) + GAP, clean(value!), longest + GAP.length, width),
  );
}

/** A sentence on lines of its own. */
export function paragraph(text: string, width: Width, indent = ''): string[] {
  if (text === '') return [];
  return hanging(indent, clean(text), indent.length, width);
}

/** What is worth knowing beside a report, behind an empty line. */
export function noteLines(notes: readonly string[], width: Width): string[] {
  return notes.length === 0 ? [] : ['', ...notes.flatMap(note => paragraph(`Note: ${note}`, width))];
}

function hanging(start: string, text: string, indent: number, width: Width): string[] {
  const [first = '', ...rest] = width === undefined ? [text] : wrapped(text, Math.max(width - indent, 10));
  return [(start + first).trimEnd(), ...rest.map(line => ' '.repeat(indent) + line)];
}

/** At spaces where that is possible; a word that is longer than a line stays whole, so that it can be copied. */
function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Texts come from a cluster: nothing in them may steer the terminal. */
function clean(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ');
}
