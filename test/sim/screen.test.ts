import assert from 'node:assert/strict';
import { stripVTControlCharacters } from 'node:util';
import * as fc from 'fast-check';
import { displayOn, type Output } from '../../src/sim/demo/display.ts';
import { logLine, screen } from '../../src/sim/demo/screen.ts';
import type { DemoView, ModeRow } from '../../src/sim/demo/view.ts';

const NOW = Date.parse('2026-12-01T08:12:40Z');

function row(namespace: string, now: ModeRow['now'], note = '', more: Partial<ModeRow> = {}): ModeRow {
  return { namespace, before: 'PERMISSIVE', now, moving: false, note, tone: 'Quiet', ...more };
}

const VIEW: DemoView = {
  title: 'mtls-rollout: Online Boutique',
  now: NOW,
  speed: 60,
  phase: 'Soaking',
  step: '3/7',
  strict: '3/11',
  message:
    'wave core, step 3/7: soaking cart since 08:10:04, until 08:20:04; 2 of 3 healthy rounds in a row; everything that reaches the carts is as it was before the step',
  waves: [
    { name: 'leaf', phase: 'Done', rows: [row('ad', 'STRICT', 'mutual TLS'), row('email', 'STRICT', 'mutual TLS')] },
    {
      name: 'core',
      phase: 'Progressing',
      rows: [
        row('cart', 'STRICT', '3 refused a minute', { moving: true, tone: 'Bad' }),
        row('shipping', 'PERMISSIVE', '', { before: 'DISABLE' }),
      ],
    },
  ],
  probes: [
    {
      name: 'enforced',
      verdict: 'Healthy',
      value: '4/4 ports',
      message: 'every port asks strangers for a certificate',
    },
    { name: 'clients', verdict: 'Unhealthy', value: '-100%', message: 'partner/order-sync has fallen silent' },
  ],
  events: [
    { id: 1, at: NOW - 90_000, tone: 'Plain', text: 'wave leaf is done' },
    { id: 2, at: NOW - 1000, tone: 'Bad', text: 'rolling back shipping' },
  ],
};

// oxlint-disable-next-line no-control-regex
const COMMANDS = /\x1b\[(\d+)A\r|(\x1b\[J)|\x1b\[\?25[lh]|([^\x1b\n]*)\x1b\[K\n/g;

/** As a terminal shows it: cursor up, clear to end of line, clear below. */
function terminal(rows = 40, columns = 100): Output & { lines(): string[]; writes: string[] } {
  const lines: string[] = [];
  const writes: string[] = [];
  let at = 0;
  return {
    isTTY: true,
    rows,
    columns,
    writes,
    lines: () => lines,
    write(text: string) {
      writes.push(text);
      for (const [, up, below, line] of text.matchAll(COMMANDS)) {
        if (up !== undefined) at -= Number(up);
        else if (below !== undefined) lines.splice(at);
        else if (line !== undefined) lines[at++] = line;
      }
    },
  };
}

describe('screen', () => {
  it('is readable without a manual', () => {
    assert.equal(
      screen(VIEW, { width: 100, height: 30, colour: false }).join('\n'),
      `\
mtls-rollout: Online Boutique                                                          08:12:40  60x

Soaking       step 3/7   STRICT 3/11
wave core, step 3/7: soaking cart since 08:10:04, until 08:20:04; 2 of 3 healthy rounds in a row;
everything that reaches the carts is as it was before the step


WAVE        NAMESPACE         BEFORE           NOW            CLIENTS
leaf        ad                ■■□ PERMISSIVE → ■■■ STRICT     mutual TLS
            email             ■■□ PERMISSIVE → ■■■ STRICT     mutual TLS
core        cart            ▸ ■■□ PERMISSIVE → ■■■ STRICT     3 refused a minute
            shipping          ■□□ DISABLE    → ■■□ PERMISSIVE

enforced        Healthy    4/4 ports             every port asks strangers for a certificate
clients         Unhealthy  -100%                 partner/order-sync has fallen silent

08:11:10  wave leaf is done
08:12:39  rolling back shipping`,
    );
  });

  it('fits its paper whatever it shows', () => {
    const view = fc.record({
      rows: fc.nat(40),
      events: fc.nat(40),
      probes: fc.nat(6),
      text: fc.string({ unit: 'binary', maxLength: 300 }),
    });
    const paper = fc.record({
      width: fc.integer({ min: 60, max: 100 }),
      height: fc.integer({ min: 16, max: 30 }),
      colour: fc.boolean(),
    });
    fc.assert(
      fc.property(view, paper, ({ rows, events, probes, text }, size) => {
        const many: DemoView = {
          ...VIEW,
          message: text,
          waves: [{ name: text, phase: text, rows: Array.from({ length: rows }, () => row(text, 'STRICT', text)) }],
          probes: Array.from({ length: probes }, () => ({ name: text, verdict: 'NoData', value: text, message: text })),
          events: Array.from({ length: events }, (_, id) => ({ id, at: NOW, tone: 'Plain', text })),
        };
        const lines = screen(many, size);
        assert.ok(lines.length <= size.height, `${lines.length} lines`);
        for (const line of lines) {
          const visible = stripVTControlCharacters(line);
          assert.ok(Array.from(visible).length <= size.width, `${visible.length} columns`);
          assert.doesNotMatch(visible, /\p{Cc}/u);
        }
      }),
    );
  });

  it('shows what moves when not every namespace fits', () => {
    const rows = Array.from({ length: 40 }, (_, index) => row(`n${index}`, 'STRICT', '', { moving: index === 39 }));
    const lines = screen(
      { ...VIEW, waves: [{ name: 'all', phase: 'Progressing', rows }] },
      { width: 100, height: 30, colour: false },
    );
    assert.match(lines[8]!, /n39/);
    assert.ok(lines.some(line => /^… and \d+ more$/.test(line)));
    assert.ok(lines.some(line => line.includes('rolling back shipping')));
  });

  it('colours without moving anything', () => {
    const plain = screen(VIEW, { width: 100, height: 30, colour: false });
    const coloured = screen(VIEW, { width: 100, height: 30, colour: true });
    assert.deepEqual(
      coloured.map(line => stripVTControlCharacters(line).trimEnd()),
      plain,
    );
    assert.ok(coloured.some(line => line.includes('\x1b[31mUnhealthy')));
  });

  it('writes a log line for an event', () => {
    assert.equal(
      logLine({ id: 1, at: NOW, tone: 'Bad', text: 'one\ntwo \x1b[2Jthree' }),
      '08:12:40  one two  [2Jthree',
    );
  });
});

describe('display', () => {
  it('draws in place on a terminal, and nothing when nothing changed', () => {
    const output = terminal();
    const display = displayOn(output, { colour: false });
    display.show(VIEW);
    const writes = output.writes.length;
    display.show(VIEW);
    assert.equal(output.writes.length, writes);
    const shorter = { ...VIEW, probes: [], events: VIEW.events.slice(1) };
    display.show(shorter);
    assert.deepEqual(output.lines(), screen(shorter, { width: 100, height: 30, colour: false }));
    display.close();
    assert.equal(output.writes.join('').split('\x1b[?25l').length, 2);
    assert.ok(output.writes.at(-1)!.endsWith('\x1b[?25h'));
  });

  it('writes every event once where there is no terminal, or too small a one', () => {
    for (const output of [{ ...terminal(), isTTY: false }, terminal(10), terminal(40, 40)]) {
      const display = displayOn(output, { colour: true });
      display.show({ ...VIEW, events: VIEW.events.slice(0, 1) });
      display.show(VIEW);
      display.show(VIEW);
      display.close();
      assert.equal(output.writes.join(''), '08:11:10  wave leaf is done\n08:12:39  rolling back shipping\n');
    }
  });
});
