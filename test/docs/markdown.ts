/** The pages of the documentation as text: their fenced examples, tables, links and headings. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Fence {
  /** Page and line, for messages: `docs/probes.md:12`. */
  at: string;
  language: string;
  text: string;
}

/** Every page that a reader may come to, by path. */
export const pages: ReadonlyMap<string, string> = new Map(
  [
    'README.md',
    'CONTRIBUTING.md',
    ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.md'))
      .map(name => `docs/${name}`),
  ].map(path => [path, readFileSync(path, 'utf8')]),
);

export function pageAt(path: string): string {
  const text = pages.get(path);
  if (text === undefined) throw new Error(`there is no page ${path}`);
  return text;
}

export function fences(language: string): Fence[] {
  return [...pages].flatMap(([path, text]) =>
    [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
      .filter(([, given]) => given === language)
      .map(match => ({
        at: `${path}:${text.slice(0, match.index).split('\n').length}`,
        language,
        text: match[2] ?? '',
      })),
  );
}

/** Links and pictures that lead to something in this repository, as they stand. */
export function localLinks(text: string): string[] {
  return [
    ...withoutFences(text)
      .replaceAll(/`[^`]*`/g, '')
      .matchAll(/\]\(([^)\s]+)\)/g),
  ]
    .map(([, target]) => target ?? '')
    .filter(target => !/^[a-z]+:/.test(target));
}

/** Anchors of the headings, as GitHub makes them. */
export function anchors(text: string): Set<string> {
  const headings = [...withoutFences(text).matchAll(/^#+ (.*)$/gm)].map(([, words = '']) => words);
  return new Set(
    headings.map(words =>
      words
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** The part of a page under a heading, up to the next one of the same or a higher level. */
export function sectionOf(text: string, heading: string): string {
  const lines = text.split('\n');
  const start = lines.indexOf(heading);
  if (start < 0) throw new Error(`there is no heading "${heading}"`);
  const level = heading.indexOf(' ');
  const end = lines.findIndex((line, index) => index > start && /^#+ /.test(line) && line.indexOf(' ') <= level);
  return lines.slice(start + 1, end < 0 ? undefined : end).join('\n');
}

/** The cells of the rows of every table in a text; heads and rules are left out. */
export function tableRows(text: string): string[][] {
  const lines = withoutFences(text).split('\n');
  return lines
    .filter(
      (line, index) => line.startsWith('|') && !/^\|[ |:-]*$/.test(line) && !/^\| ?-/.test(lines[index + 1] ?? ''),
    )
    .map(line =>
      line
        .slice(1, line.lastIndexOf('|'))
        .split(/(?<!\\)\|/)
        .map(cell => cell.trim()),
    );
}

/** What stands in backticks. */
export function codesIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code ?? '');
}

function withoutFences(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, '');
}
