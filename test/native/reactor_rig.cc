#include "reactor_rig.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#define MILLRACE_TEST_WITHOUT_MAIN
#include "harness.h"

namespace millrace::test {

namespace {

constexpr std::size_t kDataBytes = 1024 * 1024;
constexpr std::size_t kEvents = 64;
constexpr int kPatienceMs = 3000;  // only a test that fails waits that long

}  // namespace

Rig::Rig(const RigSpec& spec, std::vector<Origin*> origins) : origins_(std::move(origins)) {
  static int rigs = 0;
  cluster_name_ = "cluster-" + std::to_string(++rigs);
  install(spec);
  start(0);
}

Rig::Rig(Rig& first, uint32_t worker)
    : origins_(first.origins_), cluster_name_(first.cluster_name_), now_ns_(first.now_ns_) {
  start(worker);
}

void Rig::start(uint32_t worker) {
  events_.resize(kEvents);
  data_.resize(kDataBytes);
  reactor_ = std::make_unique<Reactor>(
      worker,
      EventSink{events_, data_, deliver, [](void* rig) { return static_cast<Rig*>(rig)->now(); },
                this},
      ReactorSeeds{seed(), {seed(), seed()}}, now());
  listener_ = reactor_->listenerKey("web");
  reactor_->refresh();
  flags_before_.resize(abi::process_stat::kCount);
  Engine::instance().readProcess(flags_before_);
}

void Rig::install(const RigSpec& spec) {
  ImageBuilder b;
  b.addCluster(std::vector<uint32_t>(spec.ports.size(), 1));
  const ImageBuilder::Text name = b.text(cluster_name_);
  abi::ClusterRecord& cluster = b.clusters[0];
  cluster.name_offset = name.offset;
  cluster.name_length = name.length;
  cluster.connect_timeout_ms = 1000;
  cluster.pool_idle_ms = 4000;
  cluster.max_pending = 1024;
  for (std::size_t i = 0; i < spec.ports.size(); ++i) b.endpoints[i].port = spec.ports[i];
  const uint32_t table = b.addTable({{{"*"}, spec.routes}});
  for (abi::RouteRecord& route : b.routes) {
    route.timeout_ms = 15'000;
    route.idle_timeout_ms = 60'000;
    route.retry_on = abi::retry_on::kConnectFailure | abi::retry_on::kReset;
    route.retry_attempts = 2;
  }
  const ImageBuilder::Text web = b.text("web");
  b.listeners.push_back({web.offset, web.length, table, 0, 0, 0, 65536, 0, 0, 65536, 65536,
                         abi::kMaxRequestFields, 0, 0, 0, 0, 0});
  spec.tune(b);
  const InstallResult result = Engine::instance().install(b.finish(), now().ns, 1024);
  if (result.version != 0) return;
  std::fprintf(stderr, "%s\n", result.error.c_str());
  std::abort();
}

int32_t Rig::get(const std::string& target) { return request("GET", target); }

int32_t Rig::request(const std::string& method, const std::string& target, const Fields& fields) {
  std::string bytes = method + target + "hosta";
  std::vector<int32_t> lengths = {static_cast<int32_t>(method.size()),
                                  static_cast<int32_t>(target.size()), 4, 1};
  for (const auto& [name, value] : fields) {
    bytes += name + value;
    lengths.push_back(static_cast<int32_t>(name.size()));
    lengths.push_back(static_cast<int32_t>(value.size()));
  }
  // As the worker does: the slot that was freed last, with the next generation.
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<int32_t>(generations_.size()));
    generations_.push_back(0);
  }
  const int32_t slot = free_slots_.back();
  free_slots_.pop_back();
  const int32_t handle =
      ++generations_[static_cast<std::size_t>(slot)] << abi::limits::kExchangeSlotBits | slot;
  const uint8_t peer[] = {192, 0, 2, 1};
  const uint32_t before = deliveries;
  answers_[handle] = {};
  reactor_->submit(handle, listener_, {bytes, lengths}, peer, now(),
                   can_upgrade_ ? abi::submit_flag::kUpgrade : 0);
  EXPECT_EQ(deliveries, before);  // never from inside the listener's own handler
  return handle;
}

int32_t Rig::upgrade(const std::string& target, const Fields& more, bool can_upgrade) {
  Fields fields = {{"upgrade", "websocket"},
                   {"connection", "keep-alive, Upgrade"},
                   {"sec-websocket-version", "13"},
                   {"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  for (const auto& [name, value] : more) {
    const auto known = std::find_if(fields.begin(), fields.end(),
                                    [&](const auto& field) { return field.first == name; });
    if (known != fields.end())
      known->second = value;
    else
      fields.emplace_back(name, value);
  }
  can_upgrade_ = can_upgrade;
  const int32_t handle = request("GET", target, fields);
  can_upgrade_ = false;
  return handle;
}

void Rig::abort(int32_t handle) {
  reactor().abort(handle, now());
  release(handle);
}

void Rig::release(int32_t handle) {
  Answer& answer = answers_[handle];
  if (!answer.released) free_slots_.push_back(handle & ((1 << abi::limits::kExchangeSlotBits) - 1));
  answer.released = true;
}

void Rig::deliver(void* context, uint32_t count) {
  Rig& rig = *static_cast<Rig*>(context);
  EXPECT(!rig.delivering);
  rig.delivering = true;
  ++rig.deliveries;
  for (uint32_t i = 0; i < count; ++i) {
    const abi::EventRecord event = rig.events_[i];
    const auto found = rig.answers_.find(event.exchange);
    EXPECT(found != rig.answers_.end(), "event of " + std::to_string(event.exchange));
    if (found == rig.answers_.end()) continue;
    Answer& answer = found->second;
    EXPECT(!answer.done, "nothing follows the last event");
    const auto part = [&](int32_t offset, int32_t length) {
      EXPECT(offset >= 0 && length >= 0 &&
             static_cast<std::size_t>(offset) + static_cast<std::size_t>(length) <= kDataBytes);
      return std::string(rig.data_.data() + offset, static_cast<std::size_t>(length));
    };
    ++answer.events;
    answer.flags |= static_cast<uint32_t>(event.flags);
    answer.done = (event.flags & static_cast<int32_t>(abi::event_flag::kLast)) != 0;
    switch (static_cast<uint32_t>(event.kind)) {
      case abi::event_kind::kComplete:
      case abi::event_kind::kHead:
        EXPECT_EQ(answer.status, 0u, "one head");
        answer.status = static_cast<uint32_t>(event.status);
        answer.head = part(event.head_offset, event.head_length);
        answer.length = static_cast<uint32_t>(event.length_low) |
                        static_cast<uint64_t>(static_cast<uint32_t>(event.length_high)) << 32;
        answer.body = part(event.body_offset, event.body_length);
        break;
      case abi::event_kind::kBody:
        EXPECT(answer.status != 0, "body after a head");
        answer.body += part(event.body_offset, event.body_length);
        break;
      case abi::event_kind::kAbort:
        answer.aborted = true;
        break;
      case abi::event_kind::kUpgraded:
        EXPECT_EQ(answer.status, 0u, "one head");
        answer.status = static_cast<uint32_t>(event.status);
        answer.head = part(event.head_offset, event.head_length);
        answer.protocol = part(event.body_offset, event.body_length);
        break;
      case abi::event_kind::kMessage:
        EXPECT_EQ(answer.status, 101u, "a message after the upgrade");
        if (event.status >= 8) {
          answer.messages.emplace_back(event.status, part(event.body_offset, event.body_length));
          break;
        }
        answer.partial += part(event.body_offset, event.body_length);
        if ((event.flags & static_cast<int32_t>(abi::event_flag::kMessageEnd)) == 0) break;
        answer.messages.emplace_back(event.status, answer.partial);
        answer.partial.clear();
        break;
      case abi::event_kind::kClosed:
        answer.close_code = static_cast<uint32_t>(event.status);
        answer.close_reason = part(event.body_offset, event.body_length);
        break;
      default:
        ++answer.resumed;
    }
    rig.on_event(event);
    if (rig.answer(event.exchange).done) rig.release(event.exchange);
  }
  rig.delivering = false;
}

void Rig::step() {
  for (Origin* origin : origins_) origin->step();
  reactor_->poll(now());
}

bool Rig::wait(int timeout_ms) {
  if (reactor_->hasDeferred()) return true;
  std::vector<pollfd> watched = {{reactor_->epollFd(), POLLIN, 0}};
  for (const Origin* origin : origins_) origin->addTo(watched);
  return ::poll(watched.data(), watched.size(), timeout_ms) > 0;
}

bool Rig::until(const std::function<bool()>& holds) {
  while (true) {
    step();
    if (holds()) return true;
    if (!wait(kPatienceMs)) return false;
  }
}

void Rig::settle() {
  do step();
  while (wait(0));
}

void Rig::advance(uint64_t ms) {
  now_ns_ += ms * 1'000'000;
  reactor_->fireTimers(now());
}

double Rig::stat(uint32_t index) const {
  std::vector<double> out(abi::cluster_stat::kCount);
  EXPECT(Engine::instance().readCluster(Engine::instance().version(), 0, out));
  return out[index];
}

double Rig::endpointStat(uint32_t endpoint, uint32_t index) const {
  std::vector<double> out(abi::endpoint_stat::kCount);
  EXPECT(Engine::instance().readEndpoint(Engine::instance().version(), endpoint, now().ms(), out));
  return out[index];
}

double Rig::flagged(uint32_t flag) const {
  std::vector<double> out(abi::process_stat::kCount);
  Engine::instance().readProcess(out);
  return out[abi::process_stat::kFlagnone + flag] -
         flags_before_[abi::process_stat::kFlagnone + flag];
}

std::string Rig::gauges() const {
  const auto text = [this](uint32_t index) {
    return std::to_string(static_cast<int64_t>(stat(index)));
  };
  return "active " + text(abi::cluster_stat::kActive) + " pending " +
         text(abi::cluster_stat::kPending) + " busy " +
         text(abi::cluster_stat::kConnectionsActive) + " idle " +
         text(abi::cluster_stat::kConnectionsIdle);
}

std::string okAnswer(const std::string& body, const std::string& lines) {
  return "HTTP/1.1 200 OK\r\n" + lines + "content-length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

}  // namespace millrace::test
