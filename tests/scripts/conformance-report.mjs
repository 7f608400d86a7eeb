// Evaluates the checks.json files of one run of the conformance suite.
//
//   node conformance-report.mjs [--strict] [--markdown] [--suite-exit-code=N] REVISION OUTDIR
//
// Prints one row per scenario, and to stderr what does not pass; --markdown makes it a table for documentation, with
// a list of what does not pass below it. Exit code: 0 if no check failed (--strict: nor warned), 1 if one did, 2 if
// the run is incomplete: the suite broke off, or it announced a scenario whose checks are missing or whose result is
// unknown.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const COUNTED = ['SUCCESS', 'FAILURE', 'WARNING', 'SKIPPED'];
const IGNORED = ['INFO'];
const FOLDER = /^server-(.+)-\d{4}-\d{2}-\d{2}T[\d-]+Z$/;
const ANNOUNCED = /^=== Running scenario: (\S+) ===$/gm;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    strict: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    'suite-exit-code': { type: 'string', default: '0' }
  }
});
const [revision, folder] = positionals;
if (!revision || !folder) {
  console.error('usage: conformance-report.mjs [--strict] [--markdown] REVISION OUTDIR');
  process.exit(2);
}

const problems = [];
const scenarios = readScenarios();
compareWithLog();
const totals = sum(scenarios.map((scenario) => scenario.counts));
print();
process.exitCode = verdict();

function readScenarios() {
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders
    .map((entry) => ({ name: FOLDER.exec(entry.name)?.[1], path: join(folder, entry.name, 'checks.json') }))
    .filter((scenario) => scenario.name)
    .map(readScenario)
    .sort((left, right) => (left.name < right.name ? -1 : 1));
}

function readScenario({ name, path }) {
  const scenario = { name, counts: sum([]), complaints: [] };
  let checks = [];
  try {
    checks = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    problems.push(`${name}: ${error.message}`);
  }
  for (const check of checks) {
    if (COUNTED.includes(check.status)) {
      scenario.counts[check.status] += 1;
    } else if (!IGNORED.includes(check.status)) {
      problems.push(`${name}: check ${check.id} has the unknown status ${check.status}`);
    }
    if (check.status === 'FAILURE' || check.status === 'WARNING') {
      scenario.complaints.push(`${check.status} ${check.id}: ${check.errorMessage ?? check.description}`);
    }
  }
  return scenario;
}

// A scenario that crashed leaves no checks, and a sum over what is left would look fine.
function compareWithLog() {
  let log = '';
  try {
    log = readFileSync(join(folder, 'suite.log'), 'utf8');
  } catch (error) {
    problems.push(`no log of the suite: ${error.message}`);
  }
  const announced = new Set([...log.matchAll(ANNOUNCED)].map((match) => match[1]));
  const found = new Set(scenarios.map((scenario) => scenario.name));
  for (const name of announced) {
    if (!found.has(name)) problems.push(`${name}: no checks were written`);
  }
  if (announced.size === 0) problems.push('the suite announced no scenario');
  if (!log.includes('=== SUMMARY ===')) problems.push(`the suite broke off:\n${log.trim().slice(-2000)}`);
}

function sum(counts) {
  const total = Object.fromEntries(COUNTED.map((status) => [status, 0]));
  for (const count of counts) {
    for (const status of COUNTED) total[status] += count[status];
  }
  return total;
}

function print() {
  const header = ['scenario', 'passed', 'failed', 'warnings', 'skipped'];
  const rows = scenarios.map((scenario) => [scenario.name, ...COUNTED.map((status) => scenario.counts[status])]);
  const total = [`total of ${scenarios.length} scenarios`, ...COUNTED.map((status) => totals[status])];
  if (values.markdown) {
    console.log(`Requirements of revision ${revision}:\n`);
    console.log(markdownRow(header));
    console.log('|---|--:|--:|--:|--:|');
    for (const row of [...rows, total]) console.log(markdownRow(row));
    printMarkdownComplaints();
  } else {
    const width = Math.max(...[...rows, total].map((row) => row[0].length));
    for (const row of [header, ...rows, total]) console.log(plainRow(row, width));
  }
  const complaints = scenarios.flatMap(({ name, complaints }) => complaints.map((text) => `${name}: ${text}`));
  for (const complaint of [...complaints, ...problems]) console.error(complaint);
}

function printMarkdownComplaints() {
  const complaining = scenarios.filter(({ complaints }) => complaints.length > 0);
  console.log(complaining.length > 0 ? '\nWhat does not pass:\n' : '\nNo check failed or warned.');
  for (const { name, complaints } of complaining) {
    for (const complaint of complaints) console.log(`- ${name}: ${markdownText(complaint)}`);
  }
}

// The suite quotes what it received, which must neither break the list nor turn into markup.
function markdownText(text) {
  return text.replace(/\s+/g, ' ').trim().replace(/[\\`*_<>[\]|]/g, '\\$&');
}

function markdownRow(cells) {
  return `| ${cells.join(' | ')} |`;
}

function plainRow([name, ...numbers], width) {
  return [name.padEnd(width), ...numbers.map((number) => String(number).padStart(8))].join(' ');
}

function verdict() {
  if (problems.length > 0) return 2;
  if (totals.FAILURE > 0 || (values.strict && totals.WARNING > 0)) return 1;
  // The suite must not know of a failure that its own files do not show.
  if (values['suite-exit-code'] !== '0') {
    console.error(`the suite ended with ${values['suite-exit-code']} although no check failed`);
    return 2;
  }
  return 0;
}
