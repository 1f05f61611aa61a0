/** A rule of the spec as its nearest pair, and short ways to write the specs. */

export interface RuleCase {
  rule: string;
  good: object;
  bad: object;
  /** Begin of the sentence that names the problem. */
  problem: string;
  /** Only the operator can see it: the API server lets it pass. */
  operatorOnly?: true;
}

const target = { namespace: {} };
export const selector = { matchLabels: { app: 'cart' } };
export const withTarget = (rest: object) => ({ target, ...rest });
export const waves = (...list: object[]) => withTarget({ strategy: { waves: list } });
export const wave = (rest: object) => waves({ name: 'core', names: ['cart'], ...rest });
export const analysis = (rest: object) => withTarget({ analysis: rest });
export const probe = (rest: object) => withTarget({ probes: [{ name: 'look', ...rest }] });
export const workloads = (...list: object[]) => ({ target: { workloads: list } });
export const exception = { name: 'hook', selector, reason: 'no mesh identity', until: '2027-03-31' };
export const window = (rest: object) => withTarget({ schedule: { windows: [{ kind: 'Allow', ...rest }] } });
export const expression = (rest: object) => ({
  target: { namespaces: { selector: { matchExpressions: [{ key: 'team', ...rest }] } } },
});
export const labels = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`label-${i}`, 'x']));
export const many = (count: number) => Array.from({ length: count }, (_, i) => `ns-${i}`);
