#pragma once
/* The handler of a pod's RuntimeClass, looked up at the gateway: an annotation of the manifest that
 * goes to the pod's node, and nowhere else. */

#define RUNTIME_HANDLER_ANNOTATION "limpet.io/runtime-handler"
