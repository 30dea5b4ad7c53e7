/** The views that the first visit does without, in one file: they share most of what they are made of. */
export { App } from "./app.tsx";
export { Apply } from "./apply.tsx";
export { Audit } from "./audit.tsx";
export { SubmitJob } from "./job_submit.tsx";
export { Key, Keys } from "./keys.tsx";
export { Node } from "./node.tsx";
export { Package } from "./package.tsx";
export { NodePolicies, Policies } from "./policies.tsx";
export { Run } from "./run.tsx";
export { Schedules } from "./schedules.tsx";
export { Secret, Secrets } from "./secrets.tsx";
export { Services } from "./services.tsx";
export { Blob, Storage } from "./storage.tsx";
export { Upgrade } from "./upgrade.tsx";
