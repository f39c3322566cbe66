export { silentLog, type Log } from './log.ts';
export { createLogger } from './logger.ts';
export type { Logger, LoggerOptions, LogLevel } from './logger.ts';
export { maskEmail, maskPhone, redactText } from './redact.ts';
