/** Hazards as text: what stands in the way, of which scope, and what to do. */
import type { Hazard } from '../api/status.ts';
import { blocks } from '../rollout/preflight.ts';
import { counted } from '../rollout/text.ts';
import { paragraph, type Width } from './table.ts';

const INDENT = '    ';

/** A headline with the numbers, then each hazard with what to do about it. */
export function hazardLines(hazards: readonly Hazard[], width: Width): string[] {
  return [`Hazards: ${numbersOf(hazards)}`, ...hazards.flatMap(hazard => oneHazard(hazard, width))];
}

function oneHazard(hazard: Hazard, width: Width): string[] {
  const { code, scope, object, message, fix } = hazard;
  const advice = fix === undefined || hazard.accepted ? '' : `to do: ${fix}`;
  return [
    ...paragraph(`${wordFor(hazard)}: ${code}, ${scope ?? object}`, width, '  '),
    ...paragraph(message, width, INDENT),
    ...paragraph(advice, width, INDENT),
  ];
}

export function wordFor(hazard: Hazard): string {
  if (hazard.accepted) return 'accepted';
  if (blocks(hazard)) return 'blocking';
  return hazard.severity === 'Warn' ? 'warning' : 'note';
}

/** `2 blocking, 1 warning`. */
export function numbersOf(hazards: readonly Hazard[]): string {
  const tally = new Map<string, number>();
  for (const hazard of hazards) tally.set(wordFor(hazard), (tally.get(wordFor(hazard)) ?? 0) + 1);
  const parts = [...tally].map(([word, n]) =>
    word === 'blocking' || word === 'accepted' ? `${n} ${word}` : counted(n, word),
  );
  return parts.join(', ') || 'none';
}
