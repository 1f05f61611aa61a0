/**
 * Every rule of the spec with its nearest pair: a spec that just passes and one that just does not. The pure
 * validation runs them, and so can anything else that accepts rollouts, such as an API server.
 */

import { gateCases } from './rules/gate.ts';
import { judgementCases } from './rules/judgement.ts';
import type { RuleCase } from './rules/rule-case.ts';
import { strategyCases } from './rules/strategy.ts';
import { targetCases } from './rules/target.ts';

export const ruleCases: readonly RuleCase[] = [...targetCases, ...strategyCases, ...gateCases, ...judgementCases];
