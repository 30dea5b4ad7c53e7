/** What is asked about blobs, and how content is uploaded. */
import * as v from "valibot";
import { DigestSchema } from "../wire_values.ts";
import { apiLimits, limits } from "../limits.ts";
import { query, whole } from "./query.ts";

/** By name. */
export const storageQueries = {
  "blob.list": query({
    method: "GET",
    path: "/api/blobs",
    role: "viewer",
    summary: "Blobs that the answering node holds, and those that the realm keeps or runs",
    answer: "json",
    type: "BlobView[]",
    cli: ["storage list"],
  }),
  "blob.show": query({
    method: "GET",
    path: "/api/blobs/{blob}",
    role: "viewer",
    summary: "One blob, by digest, short digest or name",
    answer: "json",
    type: "BlobView",
    cli: ["storage show"],
  }),
  "blob.read": query({
    method: "GET",
    path: "/api/blobs/{digest}/content",
    role: "viewer",
    summary: "Content of a blob, from this node or another holder",
    answer: "bytes",
    type: "bytes",
    cli: ["storage get"],
  }),
  "upload.missing": query({
    method: "POST",
    path: "/api/uploads/missing",
    role: "operator",
    summary: "Which of these contents have to be uploaded",
    body: v.strictObject({ digests: v.pipe(v.array(DigestSchema), v.maxLength(apiLimits.missingDigests)) }),
    bodyBytes: apiLimits.jsonBodyBytes,
    answer: "json",
    type: "MissingView",
    cli: ["deploy", "storage put"],
  }),
  "upload.show": query({
    method: "GET",
    path: "/api/uploads/{digest}",
    role: "operator",
    summary: "How far an upload is: the byte to go on from after an interruption",
    answer: "json",
    type: "UploadStateView",
    cli: ["deploy", "storage put"],
  }),
  "upload.put": query({
    method: "PUT",
    path: "/api/uploads/{digest}",
    role: "operator",
    summary: "Upload content by its SHA-256; can be repeated. With `offset` what arrives is kept when the " +
      "connection breaks, and the next request goes on where GET says",
    params: v.strictObject({ offset: whole(limits.packageFileBytes) }),
    answer: "json",
    type: "UploadedView",
    cli: ["deploy", "storage put"],
  }),
} as const;
