/** Reads the table that kubectl prints, as a person does: by what stands under each heading. */

export function rowsOf(text: string): Record<string, string>[] {
  const [head = '', ...lines] = text.trimEnd().split('\n');
  const headings = [...head.matchAll(/\S+/g)].map(match => ({ name: match[0], from: match.index }));
  return lines.map(line =>
    Object.fromEntries(
      headings.map(({ name, from }, i) => [name, line.slice(from, headings[i + 1]?.from).trim()] as const),
    ),
  );
}
