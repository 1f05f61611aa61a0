/** Waves. */
import { waves, wave, type RuleCase } from './rule-case.ts';

export const strategyCases: RuleCase[] = [
  {
    rule: 'unique waves',
    good: waves({ name: 'a', names: ['x'] }, { name: 'b', names: ['y'] }),
    bad: waves({ name: 'a', names: ['x'] }, { name: 'a', names: ['y'] }),
    problem: 'spec.strategy.waves: names of waves must be unique',
  },
  {
    rule: 'a scope is in one wave',
    good: waves({ name: 'a', names: ['x', 'x'] }, { name: 'b', names: ['y'] }),
    bad: waves({ name: 'a', names: ['x'] }, { name: 'b', names: ['y', 'x'] }),
    problem: 'spec.strategy.waves: a scope must be named in one wave only',
    operatorOnly: true,
  },
  {
    rule: 'wave by name or label',
    good: waves({ name: 'a', selector: {} }),
    bad: waves({ name: 'a' }),
    problem: 'spec.strategy.waves[0]: give names, a selector or both',
  },
  {
    rule: 'rest is taken',
    good: waves({ name: 'rest-1', names: ['x'] }),
    bad: waves({ name: 'rest', names: ['x'] }),
    problem: 'spec.strategy.waves[0]: the names "rest", "mesh" and "consolidate" are kept',
  },
  {
    rule: 'mesh is taken',
    good: waves({ name: 'mesh-1', names: ['x'] }),
    bad: waves({ name: 'mesh', names: ['x'] }),
    problem: 'spec.strategy.waves[0]: the names "rest", "mesh" and "consolidate" are kept',
  },
  {
    rule: 'consolidate is taken',
    good: waves({ name: 'consolidate-1', names: ['x'] }),
    bad: waves({ name: 'consolidate', names: ['x'] }),
    problem: 'spec.strategy.waves[0]: the names "rest", "mesh" and "consolidate" are kept',
  },
  {
    rule: 'at least one scope at a time',
    good: wave({ maxConcurrent: 1 }),
    bad: wave({ maxConcurrent: 0 }),
    problem: 'spec.strategy.waves[0].maxConcurrent: must be a whole number from 1 to 500 or a percentage',
  },
  {
    rule: 'at most 500 scopes at a time',
    good: wave({ maxConcurrent: 500 }),
    bad: wave({ maxConcurrent: 501 }),
    problem: 'spec.strategy.waves[0].maxConcurrent: must be a whole number from 1 to 500 or a percentage',
  },
  {
    rule: 'percentage',
    good: wave({ maxConcurrent: '100%' }),
    bad: wave({ maxConcurrent: '101%' }),
    problem: 'spec.strategy.waves[0].maxConcurrent: must be a whole number from 1 to 500 or a percentage',
  },
  {
    rule: 'number or percentage',
    good: wave({ maxConcurrent: '1%' }),
    bad: wave({ maxConcurrent: 1.5 }),
    problem: 'spec.strategy.waves[0].maxConcurrent: must be a whole number from 1 to 500 or a percentage',
  },
  {
    rule: 'soak is a duration',
    good: wave({ soak: '1h30m' }),
    bad: wave({ soak: '1h 30m' }),
    problem: 'spec.strategy.waves[0].soak: must be a duration such as 30s, 10m or 1h30m, from 0s to 720h',
  },
  {
    rule: 'soak is at most 30 days',
    good: wave({ soak: '720h' }),
    bad: wave({ soak: '720h1ms' }),
    problem: 'spec.strategy.waves[0].soak: must be a duration',
  },
  {
    rule: 'approval is one of two words',
    good: wave({ approval: 'Required' }),
    bad: wave({ approval: 'required' }),
    problem: 'spec.strategy.waves[0].approval: must be one of NotRequired, Required, not "required"',
  },
  {
    rule: 'unit Workload not with mesh',
    good: { target: { mesh: {} }, strategy: { unit: 'Namespace' } },
    bad: { target: { mesh: {} }, strategy: { unit: 'Workload' } },
    problem: 'spec: strategy.unit Workload does not go with target.mesh',
  },
];
