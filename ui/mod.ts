/** The dashboard: Preact and signals, served by the agent from embedded assets. */
export {};
