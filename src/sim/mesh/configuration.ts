/** What the control plane has told which proxy: every change reaches every proxy after its own short delay. */
import type { AuthorizationPolicy, DestinationRule, PeerAuthentication } from '../../istio/objects.ts';
import { type DestinationRuleIndex, destinationRuleIndex } from '../../istio/destinationRuleLookup.ts';
import { type Policies, policiesOf } from '../../istio/policies.ts';
import { type ShadowPolicies, shadowPoliciesOf } from './shadows.ts';

/** One state of the mesh's configuration, as a proxy holds it. */
export interface Configuration {
  readonly policies: Policies;
  readonly rules: DestinationRuleIndex;
  readonly shadows: ShadowPolicies;
}

interface Version {
  at: number;
  number: number;
  configuration: Configuration;
}

/**
 * Span within which a change takes effect, milliseconds: measured on istiod 1.31 with its default debounce, from the
 * return of the write to the first connection that behaves differently.
 */
export interface Propagation {
  minMs: number;
  maxMs: number;
}

export class ConfigurationHistory {
  readonly #propagation: Propagation;
  readonly #seed: number;
  readonly #versions: Version[] = [];
  readonly #policies = new Map<string, PeerAuthentication>();
  readonly #rules = new Map<string, DestinationRule>();
  readonly #authorizations = new Map<string, AuthorizationPolicy>();

  constructor(propagation: Propagation, seed: number) {
    this.#propagation = propagation;
    this.#seed = seed;
    this.#versions.push({ at: -Infinity, number: 0, configuration: this.#snapshot() });
  }

  /** What was in force before anything was looked at. Only possible before the first change. */
  begin(
    policies: Iterable<[string, PeerAuthentication]>,
    rules: Iterable<[string, DestinationRule]>,
    authorizations: Iterable<[string, AuthorizationPolicy]>,
  ): void {
    if (this.#versions.length > 1) throw new Error('the configuration has already changed: it cannot begin again');
    for (const [key, policy] of policies) this.#policies.set(key, policy);
    for (const [key, rule] of rules) this.#rules.set(key, rule);
    for (const [key, policy] of authorizations) this.#authorizations.set(key, policy);
    this.#versions[0]!.configuration = this.#snapshot();
  }

  setPolicy(at: number, key: string, policy: PeerAuthentication | undefined): void {
    if (policy === undefined) this.#policies.delete(key);
    else this.#policies.set(key, policy);
    this.#push(at);
  }

  setRule(at: number, key: string, rule: DestinationRule | undefined): void {
    if (rule === undefined) this.#rules.delete(key);
    else this.#rules.set(key, rule);
    this.#push(at);
  }

  setAuthorization(at: number, key: string, policy: AuthorizationPolicy | undefined): void {
    if (policy === undefined) this.#authorizations.delete(key);
    else this.#authorizations.set(key, policy);
    this.#push(at);
  }

  /** What the proxy of this pod acts on at a time. Only times near the newest change are remembered. */
  of(pod: string, at: number): Configuration {
    const version = this.#versions.findLast(candidate => this.#hasReached(pod, candidate, at));
    return (version ?? this.#versions[0]!).configuration;
  }

  /** When the newest change reaches the proxy of this pod. */
  arrivalOfNewest(pod: string): number {
    const newest = this.#versions.at(-1)!;
    return newest.at + this.#delay(pod, newest.number);
  }

  #hasReached(pod: string, { at: written, number }: Version, at: number): boolean {
    const { minMs, maxMs } = this.#propagation;
    // its own delay matters only between the two bounds
    if (number === 0 || written + maxMs <= at) return true;
    return written + minMs <= at && written + this.#delay(pod, number) <= at;
  }

  #push(at: number): void {
    const number = this.#versions.at(-1)!.number + 1;
    this.#versions.push({ at, number, configuration: this.#snapshot() });
    // The newest version that has reached everybody, and all after it, can still be in force somewhere.
    const settled = this.#versions.findLastIndex(version => version.at + this.#propagation.maxMs <= at);
    if (settled > 0) this.#versions.splice(0, settled);
  }

  /** Sorting waits until somebody asks: most versions are overtaken before. */
  #snapshot(): Configuration {
    const policies = [...this.#policies.values()];
    const rules = [...this.#rules.values()];
    const shadows = shadowPoliciesOf(this.#authorizations.values());
    let sortedPolicies: Policies | undefined;
    let sortedRules: DestinationRuleIndex | undefined;
    return {
      shadows,
      get policies() {
        return (sortedPolicies ??= policiesOf(policies));
      },
      get rules() {
        return (sortedRules ??= destinationRuleIndex(rules));
      },
    };
  }

  #delay(pod: string, version: number): number {
    const { minMs, maxMs } = this.#propagation;
    return minMs + fraction(`${this.#seed}/${pod}/${version}`) * (maxMs - minMs);
  }
}

/** A number in [0, 1) that depends on nothing but the text (FNV-1a, with a final mix). */
function fraction(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}
