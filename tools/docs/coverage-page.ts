/** docs/coverage.md: every change of the system that ought to be noticed, and by which scenario it is. */
import type { AnyScenario } from '@faultline/machine';
import type { Expectation, Mutant } from '@faultline/scenarios';
import { autoSection } from './auto-section.ts';
import { code, type Page, page, table } from './page.ts';

export function coveragePage(scenarios: readonly AnyScenario[], mutants: readonly Mutant[]): Page {
  const areas = [...new Set([...scenarios, ...mutants].map(({ name }) => areaOf(name)))].sort();
  const intro = [
    'A proof whose steps cannot fail is worth nothing. Each line below is a change of the system: a statement left out,',
    'an atomic operation weakened, or another version of a function. `npx faultline mutate AREA` makes each of them and',
    'compares what happens with this page: *caught* (the named rule of the scenario falls), *covered* (it falls only when',
    'another defence is gone too), *equivalent* (nothing changes, which is verified), *elsewhere* (what it needs is not',
    'here yet).',
    '',
    `${mutants.length} changes, ${scenarios.length} scenarios.`,
  ].join('\n');
  const body = areas.map((area) => section(area, scenarios, mutants)).join('\n\n');
  return page(
    'docs/coverage.md',
    'What is load-bearing, and how we know',
    `${intro}\n\n${body}\n\n${autoSection()}`,
  );
}

function section(area: string, scenarios: readonly AnyScenario[], mutants: readonly Mutant[]): string {
  const parts = [`## ${area}`];
  const own = mutants.filter(({ name }) => areaOf(name) === area);
  if (own.length > 0)
    parts.push(table(['change', 'what it does', 'expected', 'noticed by'], own.map(mutantRow)));
  const list = scenarios.filter(({ name }) => areaOf(name) === area);
  if (list.length > 0)
    parts.push(table(['scenario', 'what it shows', 'rules that always hold'], list.map(scenarioRow)));
  return parts.join('\n\n');
}

function mutantRow({ name, says, off, variant, model, expect }: Mutant): string[] {
  const how = [
    ...(variant === undefined ? [] : [`variant ${code(variant)}`]),
    ...(off === undefined ? [] : [`without ${off.map(code).join(', ')}`]),
    ...(model === undefined ? [] : ['x86-TSO']),
  ].join('; ');
  return [
    code(name.slice(name.indexOf('/') + 1)),
    how === '' ? says : `${says} (${how})`,
    verdictOf(expect),
    noticed(expect),
  ];
}

function verdictOf(expect: Expectation): string {
  return Object.keys(expect)[0] as string;
}

function noticed(expect: Expectation): string {
  if ('rule' in expect) return `${code(expect.caught)} breaks ${code(expect.rule)}`;
  if ('caught' in expect) return `${code(expect.caught)}: ${expect.always}`;
  if ('covered' in expect)
    return `together with ${expect.with.map(code).join(', ')}: ${code(expect.covered)}: ${expect.always}`;
  return 'equivalent' in expect ? expect.equivalent : expect.elsewhere;
}

function scenarioRow({ name, title, always, deep, expect }: AnyScenario): string[] {
  const marks = [deep === true ? 'deep' : '', expect === 'violated' ? 'violated on purpose' : ''].filter(
    Boolean,
  );
  const shown = marks.length > 0 ? `${title} (${marks.join(', ')})` : title;
  return [code(name), shown, Object.keys(always).join('; ')];
}

function areaOf(name: string): string {
  return name.slice(0, name.indexOf('/'));
}
