/** Whether a text is well-formed XML, as far as reports use it: elements, attributes and text. */
import assert from 'node:assert/strict';

const TEXT = /(?:[^<>&]|&(?:amp|lt|gt|quot);)*/y;
const TAG = /<(?:(\/)([\w-]+)|([\w-]+)((?: [\w-]+="(?:[^<>&"]|&(?:amp|lt|gt|quot);)*")*)(\/?))>/y;

/** Throws where it is not. */
export function wellFormed(text: string): void {
  const declaration = '<?xml version="1.0" encoding="UTF-8"?>\n';
  assert.ok(text.startsWith(declaration));
  const open: string[] = [];
  let at = declaration.length;
  while (at < text.length) {
    TEXT.lastIndex = at;
    at += TEXT.exec(text)?.[0].length ?? 0;
    if (at === text.length) break;
    TAG.lastIndex = at;
    const tag = TAG.exec(text);
    assert.ok(tag, `no tag: ${text.slice(at, at + 60)}`);
    const [all, closing, closed, opened, , empty] = tag;
    if (closing) assert.equal(open.pop(), closed);
    else if (!empty) open.push(opened ?? '');
    at += all.length;
  }
  assert.deepEqual(open, []);
}
