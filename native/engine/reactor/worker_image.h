#ifndef MILLRACE_ENGINE_REACTOR_WORKER_IMAGE_H_
#define MILLRACE_ENGINE_REACTOR_WORKER_IMAGE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/state/engine.h"
#include "engine/upstream/pool.h"

namespace millrace {

// An installed image as one worker uses it: the shared image plus this worker's pools, shards and
// balancer positions. A new image gets a new one of these; the old one stays until its last
// exchange has ended, so that nothing that an exchange refers to ever moves.
struct WorkerImage {
  std::shared_ptr<const InstalledImage> installed;
  const Image* image = nullptr;
  std::vector<Pool*> pools;                   // by endpoint
  std::vector<ClusterShard*> cluster_shards;  // by cluster
  std::vector<uint32_t> stride_sequences;     // by cluster
  std::vector<uint32_t> listeners;            // by listener key: index in the image or kNone
  uint32_t exchanges = 0;                     // in flight on this image
};

}  // namespace millrace

#endif  // MILLRACE_ENGINE_REACTOR_WORKER_IMAGE_H_
