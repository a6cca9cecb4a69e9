/** One entry of the catalogue behind `tiphys explain CODE`. */
interface ErrorCodeEntry {
  readonly cause: string;
  readonly remedy: string;
}

/**
 * Every code that the program may show. Codes are stable: scripts and alerts match on them.
 * `EngineError` takes only keys of this table, so a code without an explanation does not compile.
 */
export const errorCodes = {
  ADAPTER_FAILED: {
    cause: "A module of a third party (`--adapter`) could not be loaded, or did not answer.",
    remedy: "Mend the module as the message says; examples/custom-source is one that works.",
  },
  API_CONFLICT: {
    cause: "The object changed, or exists already, since it was read.",
    remedy: "Read the object again and repeat the change.",
  },
  API_FORBIDDEN: {
    cause: "The identity used may not do this on the Kubernetes API.",
    remedy: "Grant the service account named in the message the missing rule.",
  },
  API_INVALID: {
    cause: "The Kubernetes API refused the object as invalid.",
    remedy: "Mend the field that the message names.",
  },
  API_NOT_FOUND: {
    cause: "The object or the kind does not exist on the Kubernetes API.",
    remedy: "Check the name, the namespace and the apiVersion; install the CRD if it is a custom kind.",
  },
  API_TOO_LARGE: {
    cause: "The object is larger than the Kubernetes API stores.",
    remedy: "Split it: an Application with fewer objects, or a smaller object in the source.",
  },
  API_UNAVAILABLE: {
    cause: "The Kubernetes API did not answer.",
    remedy: "Check that the API server runs and is reachable; the engine keeps trying.",
  },
  APPROVAL_NOT_WANTED: {
    cause: "Nothing of the Application waits for an approval.",
    remedy: "What it waits for: `tiphys app why APPNAME`.",
  },
  ARCHIVE_REFUSED: {
    cause: "The archive of a chart or an artifact is not safe to unpack, or is damaged.",
    remedy: "Package it again with helm package or tar, without the entry that the message names.",
  },
  AVRO_FAILED: {
    cause:
      "A message of Avro's format, or a payload that is to be one, is not what its schema says, or the schema cannot be read.",
    remedy: "Compare the message with the schema of its id in the registry; the message names what does not fit.",
  },
  ARTIFACT_UNREADABLE: {
    cause: "The place that a trigger takes its object from did not give it.",
    remedy: "Check the address, the file or the bucket that the message names, and its credentials.",
  },
  BUS_MESSAGE_TOO_LARGE: {
    cause: "The event is larger than the bus accepts.",
    remedy: "Send less, or raise the limit of the bus (NATS: max_payload).",
  },
  BUS_STALE: {
    cause: "Another owner has written since: this one lost its lease.",
    remedy: "Nothing, if another engine took over; otherwise make sure that one engine owns the data.",
  },
  BUS_STREAM_MISMATCH: {
    cause: "A stream exists with settings that cannot be changed to those wanted.",
    remedy: "Rename or remove the stream, or ask for the settings that it has.",
  },
  BUS_UNAUTHORIZED: {
    cause: "The bus refuses our credentials, or they cannot be used.",
    remedy: "Check the user and password, token, NKey seed, creds file or client certificate that the bus expects.",
  },
  BUS_UNAVAILABLE: {
    cause: "The bus did not accept or answer within the time allowed.",
    remedy: "Check that the bus runs and is reachable; senders may try again.",
  },
  BUS_UNSUPPORTED: {
    cause: "The server behind the bus lacks what is needed.",
    remedy: "Use a nats-server with JetStream enabled, 2.9 or newer.",
  },
  CHART_NOT_FOUND: {
    cause: "The repository or registry has no chart or artifact of this name, or no version that fits.",
    remedy: "Mend spec.source.chart or targetRevision, or publish the version.",
  },
  CONFIG_INVALID: {
    cause: "A flag, an environment variable or a file of configuration has a value that cannot be used.",
    remedy: "Change the value that the message names.",
  },
  CONTENT_TYPE_REFUSED: {
    cause: "The body of a request is not said to be JSON: a page of another site could have sent it.",
    remedy: "Send the header content-type: application/json.",
  },
  CREDENTIALS_FAILED: {
    cause:
      "The credential plugin of a kubeconfig, or AWS, gave no credentials, or a service refuses those that it got.",
    remedy: "See the message; run the plugin by hand (often a login has expired), or give keys, then try again.",
  },
  DATA_DIR_LOCKED: {
    cause: "Another engine runs on this data directory.",
    remedy: "Stop the other engine, or give this one another --data-dir.",
  },
  DATA_DIR_UNUSABLE: {
    cause: "The data directory cannot be created, read or written.",
    remedy: "Check its path and permissions, or give another --data-dir.",
  },
  DEPLOYMENT_UNKNOWN: {
    cause: "The Application's history has no deployment of this id.",
    remedy: "What there is: `tiphys app history APPNAME`.",
  },
  ENGINE_UNREACHABLE: {
    cause: "No engine answers at the server's address.",
    remedy: "Start one with `tiphys up`, or name it with --server and --token.",
  },
  EVENT_INVALID: {
    cause: "A stored message is not a CloudEvent, or the data of an event is nested too deeply.",
    remedy: "Look at who publishes on this subject; the message is skipped and recorded.",
  },
  EXPRESSION_FAILED: {
    cause: "An expression could not be evaluated with the values of an event, or needed more than expressions may use.",
    remedy: "Mend the expression as the message says; `??` and `?.` help where a value may be missing.",
  },
  EXPRESSION_INVALID: {
    cause: "A text is no expression, or one whose types cannot fit.",
    remedy: "Mend it at the place that the message names: an offset, or line:column where it has several lines.",
  },
  FIELD_UNKNOWN: {
    cause: "No kind of ours, none of its fields and no error code has this name.",
    remedy: "Ask for what stands above it: `tiphys explain sensor.spec`.",
  },
  FILE_FAILED: {
    cause: "A file or directory that a manifest names cannot be read, or is where it must not be.",
    remedy: "Mend the path; files are read below --file-root only.",
  },
  FILTER_ERROR: {
    cause: "A filter, condition or transform could not be evaluated on this event.",
    remedy: "Compare the path, type and values of the filter with the event: `tiphys why EVENT`.",
  },
  FORBIDDEN: {
    cause: "The account or role whose token was sent may not do this.",
    remedy: "Ask for the right that the message names: policy.csv of argocd-rbac-cm, or a role of the project.",
  },
  GIT_AUTH_FAILED: {
    cause: "The server of a repository wants credentials, or refused those that it got.",
    remedy: "Add a repository Secret with a password, token or SSH key that may read it.",
  },
  GIT_FAILED: {
    cause: "A Git operation failed.",
    remedy: "See the message; it is tried again.",
  },
  GIT_HOST_UNKNOWN: {
    cause: "The server of a repository is not known by its host key or certificate.",
    remedy: "Add its key to argocd-ssh-known-hosts-cm, or its authority to argocd-tls-certs-cm.",
  },
  GIT_PATH_INVALID: {
    cause: "The path of a source does not exist at its revision, or is no folder of the repository.",
    remedy: "Mend spec.source.path: a folder, relative to the root of the repository.",
  },
  GIT_REFUSED: {
    cause: "The repository's address or its content is not safe to use.",
    remedy: "Mend what the message names: the address, the link or the file name.",
  },
  GIT_REPOSITORY_NOT_FOUND: {
    cause: "There is no Git repository at the address, or it may not be seen.",
    remedy: "Check spec.source.repoURL; a private repository needs a repository Secret.",
  },
  GIT_REVISION_NOT_FOUND: {
    cause: "The repository has no branch, tag or commit of this name.",
    remedy: "Mend spec.source.targetRevision, or push the branch or tag.",
  },
  GIT_TOO_LARGE: {
    cause: "The repository or the folder has more files or bytes than allowed.",
    remedy: "Use a smaller folder or repository, or raise the limit.",
  },
  GIT_WRITE_UNDECLARED: {
    cause:
      "No Secret says by which credentials the repository may be written to; those for reading are not used for that.",
    remedy:
      "Make a Secret with the label `argocd.argoproj.io/secret-type: repository-write` and url, username, password or sshPrivateKey.",
  },
  HOST_REFUSED: {
    cause: "A request names a host that is none of this server's (a page may do so to reach loopback).",
    remedy: "Ask by 127.0.0.1 or localhost.",
  },
  HTTP_FAILED: {
    cause: "An HTTP request of a trigger failed or got a status that its policy does not allow.",
    remedy: "Check the URL and the service behind it.",
  },
  HTTP_REFUSED: {
    cause: "The address of an outgoing request is not allowed (link-local, metadata or loopback).",
    remedy: "Use another address; `tiphys up` allows loopback.",
  },
  LEASE_LOST: {
    cause: "The engine could not renew its leases in time (it was paused, or the bus was away): another may act now.",
    remedy: "Nothing: it takes leases again by itself. If it happens often, look for pauses of the process or the bus.",
  },
  LOOP_CUT: {
    cause: "Events of ours led to events of ours, more often than is allowed: Sensors fire each other.",
    remedy: "Look at the chain with `tiphys trace EVENT`; break it with a filter, or another event's name.",
  },
  MANIFEST_INVALID: {
    cause: "A manifest does not say what its kind needs.",
    remedy: "Mend the fields that the message names.",
  },
  MANIFEST_UNREADABLE: {
    cause: "A file is not there, may not be read, or is no YAML or JSON.",
    remedy: "Check the path, or mend the file at the place that the message names.",
  },
  NOT_CONFIRMED: {
    cause: "A question was not answered with yes.",
    remedy: "Answer y, or give --yes.",
  },
  NOT_FOUND: {
    cause: "Nothing is known under this name or id.",
    remedy: "List what there is: `tiphys app list`, and so with proj, cluster, repo, sensor, event and dead.",
  },
  PACKAGE_MISSING: {
    cause: "A kind of source or trigger needs a package that is not installed.",
    remedy: "Install it as the message says, in the folder or image that tiphys runs from.",
  },
  PARAMETER_ERROR: {
    cause: "A parameter of a trigger could not be resolved or applied.",
    remedy: "Give the parameter a `value` as default, or mend its key.",
  },
  PATH_FAILED: {
    cause: "A path that reads JSON takes too much work for this value, or the value is nested too deeply.",
    remedy: "Make the path shorter: each multipath, @dig and @tostr in a row multiplies what comes before it.",
  },
  PORT_IN_USE: {
    cause: "Another program listens on the port.",
    remedy: "Stop it, or choose another port; 0 takes any free one.",
  },
  RECORD_TOO_NEW: {
    cause: "Stored data was written by a newer version of the program.",
    remedy: "Run that version, or start on another data directory or bus.",
  },
  RENDER_FAILED: {
    cause: "The files of an Application's source do not give manifests.",
    remedy: "Mend the file or the path that the message names.",
  },
  REPLAY_BUSY: {
    cause: "Another replay runs on this engine: they take turns, so that it has time for its own events.",
    remedy: "Wait for the other one to end, and ask again.",
  },
  SCRIPT_FAILED: {
    cause: "A Lua script failed with an event or an object, or needed more time or memory than scripts may use.",
    remedy: "Mend the script at the line that the message names; a loop must end, and fields may be nil.",
  },
  SCRIPT_INVALID: {
    cause: "A text is no Lua script.",
    remedy: "Mend it at the line that the message names; scripts are Lua 5.1.",
  },
  REPOSITORY_FAILED: {
    cause: "A repository of charts or a registry did not answer as it should.",
    remedy: "See the message; it is tried again.",
  },
  SECRET_MISSING: {
    cause: "A Secret or a key of it does not exist.",
    remedy: "Create the Secret in the namespace of the object that names it.",
  },
  SOURCE_FAILED: {
    cause: "An event source ended or could not start; it is started again with back-off.",
    remedy: "See the condition of the EventSource for the reason.",
  },
  SOURCE_UNSUPPORTED: {
    cause: "The kind of event source is not supported (yet).",
    remedy: "See the list of kinds in src/events/sources/README.md.",
  },
  STORE_FAILED: {
    cause: "The local store could not be read or written.",
    remedy: "Check the disk: full, read-only or damaged.",
  },
  SYNC_FAILED: {
    cause: "A sync ended without having done all that it should.",
    remedy: "See the message and the objects: `tiphys app get NAME --show-operation`.",
  },
  SYNC_BLOCKED: {
    cause: "A sync window of the project keeps syncs of the Application back now.",
    remedy: "Wait until it opens (tiphys proj windows list PROJECT), or let people sync anyway: enable-manual-sync.",
  },
  SYNC_REFUSED: {
    cause: "The Application cannot be synced now, or not in the way asked for.",
    remedy: "See the message; wait for the operation in progress, or ask for what the Application's spec allows.",
  },
  SYNC_TERMINATED: {
    cause: "Somebody stopped the operation, or a newer commit took its place.",
    remedy: "Sync again if that was not meant.",
  },
  TEMPLATE_FAILED: {
    cause: "A Go template could not be executed on this data, or needed more than templates may use.",
    remedy:
      "Mend the template at the place that the message names; `default` and `with` help where data may be missing.",
  },
  TEMPLATE_INVALID: {
    cause: "A text is no Go template.",
    remedy: "Mend it at the place that the message names: an offset, or line:column where it has several lines.",
  },
  TEMPLATE_UNSUPPORTED: {
    cause:
      "A Go template uses a function that reads the environment, asks the network or makes keys, or, outside of Sensors, one of time and chance.",
    remedy: "Take what it would give from the event or a Secret, or leave it to the program that gets the result.",
  },
  TOOL_FAILED: {
    cause: "A program that the engine runs ended unexpectedly.",
    remedy: "See the message; it is tried again.",
  },
  TOOL_MEMORY_EXCEEDED: {
    cause: "A program that renders a source used more memory than the engine lets it.",
    remedy:
      "Look for templates that loop, aliases that repeat and the like in the source; split it into smaller parts.",
  },
  TOOL_MISSING: {
    cause: "A program that the engine needs is not installed.",
    remedy: "Install it on PATH, or name it with --tool NAME=PATH.",
  },
  TOOL_OUTPUT_TOO_LARGE: {
    cause: "A program wrote more than the engine takes.",
    remedy: "Split what it is asked for into smaller parts.",
  },
  TOOL_TIMEOUT: {
    cause: "A program did not end within the time allowed and was stopped.",
    remedy: "Check the server that it talks to; it is tried again.",
  },
  TRIGGER_FAILED: {
    cause: "A trigger could not do its work.",
    remedy: "See the message; `tiphys trace EVENT` shows each attempt.",
  },
  TRIGGER_FORBIDDEN: {
    cause: "The account that a trigger acts as has no right to do it.",
    remedy: "Give it the right that the message names, then redrive what is dead: `tiphys dead redrive`.",
  },
  TRIGGER_OFFLINE: {
    cause: "What the trigger would do depends on something that can only be read by a running engine.",
    remedy: "Ask a running engine: `tiphys what-if --event FILE`.",
  },
  TRIGGER_UNSUPPORTED: {
    cause: "The kind of trigger is not supported (yet), or the template names none.",
    remedy: "See the list of kinds in src/events/triggers/README.md.",
  },
  TOO_MANY_LOGINS: {
    cause: "More people log in at once than passwords can be checked.",
    remedy: "Try again in some seconds.",
  },
  UNAUTHORIZED: {
    cause: "The request has no valid token.",
    remedy:
      "Give the token of the data directory's file `token` or of an account: --token, `Authorization: Bearer …`, or log in.",
  },
  WAIT_TIMEOUT: {
    cause: "What was waited for did not happen within the time allowed; the engine goes on with it.",
    remedy: "Look at it again later: `tiphys app get NAME --show-operation`.",
  },
  USAGE: {
    cause: "The command line is not understood.",
    remedy: "See `tiphys --help`.",
  },
} as const satisfies Record<string, ErrorCodeEntry>;

export type ErrorCode = keyof typeof errorCodes;
