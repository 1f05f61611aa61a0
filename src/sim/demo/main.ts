/** `make demo`: a whole rollout in an embedded cluster, live in the terminal, in well under two minutes. */
import { parseArgs } from 'node:util';
import type { OperatorLogger } from '@dot-i/k8s-operator';
import { systemClock } from '../../cluster/clock.ts';
import type { Log } from '../../cluster/log.ts';
import { ScaledClock } from '../clock.ts';
import { displayOn } from './display.ts';
import { pictureOf } from './picture.ts';
import { ROLLOUT, userPolicy } from './rollout.ts';
import { openScene } from './scene.ts';
import { type Claim, play } from './story.ts';
import type { DemoEvent, Tone } from './view.ts';

const DEFAULT_SPEED = 25;
const DAY_MS = 24 * 3_600_000;
/** Nine in the morning of yesterday: kubectl shows ages, and what lies in the future has none. */
const begin = Math.floor(Date.now() / DAY_MS - 1) * DAY_MS + 9 * 3_600_000;
const FRAME_MS = 150;
/** Real time after which the story is given up: on the slowest machine it takes a fraction of this. */
const LIMIT_MS = 10 * 60_000;

const { values } = parseArgs({ options: { keep: { type: 'boolean' }, speed: { type: 'string' } } });
const speed = Number(values.speed ?? DEFAULT_SPEED);
if (!(speed >= 1 && speed <= 200)) {
  process.stderr.write('--speed: must be a number from 1 to 200: how many times faster than real time\n');
  process.exit(64);
}

const events: DemoEvent[] = [];
const tell = (tone: Tone, text: string, at: number) => void events.push({ id: events.length, at, tone, text });

/** The operator's decisions are the story, and whatever it complains about; what else it logs is for machines. */
const log: Log & OperatorLogger = {
  debug: () => undefined,
  info: (message: string, fields?: Record<string, unknown>) =>
    fields?.['reason'] && tell('Plain', message, clock.now()),
  warn: (message: string, fields?: Record<string, unknown>) => tell('Bad', complaint(message, fields), clock.now()),
  error: (message: string, fields?: Record<string, unknown>) => tell('Bad', complaint(message, fields), clock.now()),
};

function complaint(message: string, fields: Record<string, unknown> = {}): string {
  return typeof fields['error'] === 'string' ? `${message}: ${fields['error']}` : message;
}

const clock = new ScaledClock(begin, speed);
const scene = await openScene({ clock, objects: [userPolicy], log });
const display = displayOn(process.stdout, { colour: process.stdout.isTTY });
const draw = () => display.show(pictureOf(scene, speed, events));
const frames = setInterval(draw, FRAME_MS);
const signal = AbortSignal.timeout(LIMIT_MS);

let claims: Claim[] = [];
try {
  claims = await play(scene, (tone, text) => tell(tone, text, clock.now()), signal);
} catch (error) {
  claims = [
    {
      what: `the story came to its end: ${signal.aborted ? 'it did not within ten minutes' : String(error)}`,
      true: false,
    },
  ];
}
// the operator reports a decision after the status that this story reads
await systemClock.wait(2 * FRAME_MS);
clearInterval(frames);
draw();
display.close();

process.stdout.write('\n');
for (const claim of claims) process.stdout.write(`${claim.true ? '✔' : '✘'} ${claim.what}\n`);
process.exitCode = claims.every(claim => claim.true) ? 0 : 1;

if (values.keep) {
  const kubectl = `kubectl --server ${scene.server}`;
  process.stdout.write(`
The embedded cluster stays open; end it with Ctrl-C. Look around:

  ${kubectl} get mtlsrollouts -A
  ${kubectl} get mtlsrollouts -n ${ROLLOUT.namespace} ${ROLLOUT.name} -o wide
  ${kubectl} describe mtlsrollout -n ${ROLLOUT.namespace} ${ROLLOUT.name}
  ${kubectl} get peerauthentications -A
  ${kubectl} get events -n ${ROLLOUT.namespace}
  curl '${scene.prometheus}/api/v1/query?query=sum(increase(istio_requests_total%5B5m%5D))'
`);
  await new Promise<void>(resolve => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => resolve());
  });
}
await scene.close();
