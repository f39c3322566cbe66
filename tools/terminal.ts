/** What a person sees: colours (only on a terminal), progress with elapsed seconds, one line per log record. */
const coloured = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;
const paint =
  (open: number, close: number) =>
  (text: string): string =>
    coloured ? `\u001b[${open}m${text}\u001b[${close}m` : text;

export const bold = paint(1, 22);
export const dim = paint(2, 22);
export const red = paint(31, 39);
export const green = paint(32, 39);
export const yellow = paint(33, 39);
export const cyan = paint(36, 39);
const nameColours = [
  paint(36, 39),
  paint(35, 39),
  paint(34, 39),
  paint(32, 39),
  paint(33, 39),
  paint(96, 39),
  paint(95, 39),
  paint(94, 39),
];

// The reader of a pipe may leave first (`make up | head`); that is no reason to fall over.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

export const say = (text = ''): void => void process.stdout.write(`${text}\n`);

export interface Progress {
  /** Runs one step and says how long it took; while it lasts, says every few seconds that it still does. */
  step<T>(title: string, work: () => Promise<T>): Promise<T>;
  done(text: string): void;
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
const reminderMs = 5_000;

export const createProgress = (quiet = false, startedAt = performance.now()): Progress => {
  const out = (text: string): void => {
    if (!quiet) say(`${dim(seconds(performance.now() - startedAt).padStart(7))}  ${text}`);
  };
  return {
    done: (text) => out(`${green('✓')} ${text}`),
    step: async (title, work) => {
      const from = performance.now();
      out(`${dim('…')} ${title}`);
      const reminder = setInterval(() => out(dim(`… ${title}: still at it after ${seconds(performance.now() - from)}`)), reminderMs);
      try {
        const result = await work();
        out(`${green('✓')} ${title} ${dim(`(${seconds(performance.now() - from)})`)}`);
        return result;
      } catch (error) {
        out(`${red('✗')} ${title}`);
        throw error;
      } finally {
        clearInterval(reminder);
      }
    },
  };
};

const levels: Readonly<Record<string, number>> = { trace: 10, debug: 20, info: 30, warn: 40, error: 50, fatal: 60 };
const hidden = new Set([
  'level',
  'time',
  'msg',
  'message',
  'service',
  'pid',
  'hostname',
  'trace_id',
  'span_id',
  'stack',
  'trace_flags',
  'name',
]);

export interface LogRecord {
  readonly level: number;
  readonly text: string;
}

const brief = (value: unknown): string => {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'message' in value) return String(value.message);
  return JSON.stringify(value) ?? String(value);
};

/** A pino line as one readable line; anything else as it is (level 0). */
export const readLogLine = (line: string): LogRecord => {
  if (!line.startsWith('{')) return { level: 0, text: line };
  try {
    const record = JSON.parse(line) as Record<string, unknown>;
    const level = typeof record['level'] === 'number' ? record['level'] : (levels[String(record['level']).toLowerCase()] ?? 0);
    const details = Object.entries(record)
      .filter(([key]) => !hidden.has(key))
      .map(([key, value]) => `${key}=${brief(value)}`);
    const text = [brief(record['msg'] ?? record['message'] ?? ''), dim(details.join(' '))].filter((part) => part !== '').join('  ');
    return { level, text: text.length > 600 ? `${text.slice(0, 600)}…` : text };
  } catch {
    return { level: 0, text: line };
  }
};

const longestName = 12;
let nextColour = 0;
const colourOf = new Map<string, (text: string) => string>();

export const prefix = (name: string): string => {
  let colour = colourOf.get(name);
  if (colour === undefined) {
    colour = nameColours[nextColour++ % nameColours.length] ?? cyan;
    colourOf.set(name, colour);
  }
  return colour(name.padEnd(longestName));
};

const label = (level: number): string => (level >= 50 ? red('ERROR') : level >= 40 ? yellow('WARN ') : dim('info '));

/** One line of a process on the terminal. */
export const formatLine = (name: string, line: string): string => {
  const { level, text } = readLogLine(line);
  const at = new Date().toISOString().slice(11, 19);
  return `${dim(at)} ${prefix(name)} ${level === 0 ? dim('out  ') : label(level)} ${text}`;
};
