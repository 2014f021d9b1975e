/** Settings that a service cannot start with; the message says which and what to do. */
export class SettingsError extends Error {}
