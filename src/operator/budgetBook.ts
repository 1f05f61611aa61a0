/**
 * Who has how much of the budget: what the statuses in the cache say, and what this process has decided since. A grant
 * counts from the moment of the decision, so that two rollouts never both take the last place.
 */
import { parseStatus } from '../api/validate.ts';
import type { MtlsRollout } from '../api/resource.ts';
import type { Status } from '../api/status.ts';
import type { Reflector } from '../cluster/reflector.ts';
import { byAge } from '../istio/policies.ts';
import { type Budget, type Limits, type Share, shareOf } from '../rollout/gates/budget.ts';
import type { RolloutEntry } from './caches.ts';

const NOTHING: Share = { moving: 0, isFailing: false, isWaiting: false, wanted: 0 };

export class BudgetBook {
  readonly #limits: Limits;
  readonly #rollouts: Pick<Reflector<RolloutEntry>, 'cache' | 'onChange'>;
  readonly #wake: (key: string) => void;
  /** What each rollout was last given by this process. */
  readonly #given = new Map<string, Share>();

  constructor(
    limits: Limits,
    rollouts: Pick<Reflector<RolloutEntry>, 'cache' | 'onChange'>,
    wake: (key: string) => void,
  ) {
    this.#limits = limits;
    this.#rollouts = rollouts;
    this.#wake = wake;
    rollouts.onChange((_, before, after) => this.#compare(before && shareIn(before), after && shareIn(after)));
  }

  /** The budget as it stands for one rollout. */
  of({ metadata }: Pick<MtlsRollout, 'metadata'>): Budget {
    const neighbours = this.#rollouts.cache.list().flatMap(entry => {
      const other = metadataOf(entry);
      if (!other) return [];
      const name = keyOf(other);
      if (name === keyOf(metadata)) return [];
      return [{ name, isOlder: byAge({ metadata: other }, { metadata }) < 0, ...this.#shareOf(name, entry) }];
    });
    return { limits: this.#limits, neighbours };
  }

  /** Notes what was decided, in the same turn as the decision. */
  note({ metadata }: Pick<MtlsRollout, 'metadata'>, status: Status): void {
    const before = this.#given.get(keyOf(metadata));
    const after = shareOf(status);
    this.#given.set(keyOf(metadata), after);
    this.#compare(before, after);
  }

  forget(key: string): void {
    this.#given.delete(key);
  }

  /** Until the cache has what was decided, the more counts of both; in the line stands only who is there in both. */
  #shareOf(key: string, entry: RolloutEntry): Share {
    const seen = shareIn(entry);
    const given = this.#given.get(key) ?? seen;
    return {
      moving: Math.max(seen.moving, given.moving),
      isFailing: seen.isFailing || given.isFailing,
      isWaiting: seen.isWaiting || given.isWaiting,
      wanted: Math.min(seen.wanted, given.wanted),
    };
  }

  /** Whoever waits looks again when something has become free, or somebody has left the line. */
  #compare(before: Share = NOTHING, after: Share = NOTHING): void {
    const isLess =
      after.moving < before.moving || (before.isFailing && !after.isFailing) || after.wanted < before.wanted;
    if (!isLess) return;
    for (const entry of this.#rollouts.cache.list()) {
      const metadata = metadataOf(entry);
      if (metadata && this.#shareOf(keyOf(metadata), entry).isWaiting) this.#wake(keyOf(metadata));
    }
  }
}

function shareIn({ parsed, rawStatus }: RolloutEntry): Share {
  return shareOf(('rollout' in parsed ? parsed.rollout.status : parseStatus(rawStatus)) ?? {});
}

function metadataOf({ parsed }: RolloutEntry): MtlsRollout['metadata'] | undefined {
  return 'rollout' in parsed ? parsed.rollout.metadata : parsed.metadata;
}

function keyOf({ namespace, name }: MtlsRollout['metadata']): string {
  return `${namespace}/${name}`;
}
