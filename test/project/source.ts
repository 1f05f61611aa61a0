/** Looks at TypeScript sources as text: what they import, and their code without comments and string contents. */

/**
 * Blanks comments, and with `strings` also the contents of strings, templates and regular expressions.
 * Line breaks stay, so that line numbers hold. Code inside `${…}` of a template stays.
 */
export function blank(source: string, what: { strings: boolean }): string {
  let out = '';
  let at = 0;
  // one entry for each template that is open: how many braces are open inside its ${…}
  const templates: number[] = [];

  const keep = (length: number) => {
    out += source.slice(at, at + length);
    at += length;
  };
  const hide = (end: number, hidden: boolean) => {
    const text = source.slice(at, end);
    out += hidden ? text.replaceAll(/[^\n]/g, ' ') : text;
    at = end;
  };
  /** Hides up to the end of the template's text, or to its next `${`. */
  const templateText = () => {
    let end = at;
    while (end < source.length && source[end] !== '`' && !source.startsWith('${', end))
      end += source[end] === '\\' ? 2 : 1;
    hide(end, what.strings);
    if (source[at] === '`') keep(1);
    else {
      keep(2);
      templates.push(0);
    }
  };

  while (at < source.length) {
    const rest = source.slice(at, at + 2);
    const char = source[at]!;
    if (rest === '//') hide(endOf(source, '\n', at), true);
    else if (rest === '/*') hide(endOf(source, '*/', at + 2) + 2, true);
    else if (char === "'" || char === '"') {
      keep(1);
      hide(literalEnd(source, at, char), what.strings);
      keep(1);
    } else if (char === '`') {
      keep(1);
      templateText();
    } else if (char === '/' && startsRegExp(out)) {
      keep(1);
      hide(literalEnd(source, at, '/'), what.strings);
      keep(1);
    } else if (char === '}' && templates.at(-1) === 0) {
      templates.pop();
      keep(1);
      templateText();
    } else {
      if (templates.length > 0 && char === '{') templates[templates.length - 1]!++;
      if (templates.length > 0 && char === '}') templates[templates.length - 1]!--;
      keep(1);
    }
  }
  return out;
}

function endOf(source: string, text: string, from: number): number {
  const found = source.indexOf(text, from);
  return found < 0 ? source.length : found;
}

/** Index of the closing delimiter of a literal that lies on one line; in a regular expression `[…]` may hold it. */
function literalEnd(source: string, from: number, close: string): number {
  let inClass = false;
  for (let at = from; at < source.length && source[at] !== '\n'; at++) {
    if (source[at] === '\\') at++;
    else if (close === '/' && source[at] === '[') inClass = true;
    else if (close === '/' && source[at] === ']') inClass = false;
    else if (source[at] === close && !inClass) return at;
  }
  return source.length;
}

/** A slash divides after a value, and opens a regular expression everywhere else. */
function startsRegExp(before: string): boolean {
  return /(^|[(,=:[!&|?{};+*~^<>%\n-]|\b(return|typeof|case|in|of|do|else|void|yield|await))\s*$/.test(
    before.slice(-64),
  );
}

/** Every module named in an import, a re-export, a dynamic import or a type import. */
export function imports(source: string): string[] {
  const code = blank(source, { strings: false });
  const forms = [
    /\b(?:import|export)\b[^;'"`()]*?\bfrom\s*['"]([^'"]+)['"]/g,
    /\bimport\s*['"]([^'"]+)['"]/g,
    /\b(?:import|require)\s*\(\s*['"`]([^'"`]+)['"`]/g,
  ];
  // what looks like an import inside a string is none
  const bare = blank(source, { strings: true });
  const isCode = (match: RegExpExecArray) => bare.startsWith(match[0].slice(0, 6), match.index);
  return forms.flatMap(form => [...code.matchAll(form)].filter(isCode).map(match => match[1]!));
}
