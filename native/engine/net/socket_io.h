#ifndef MILLRACE_ENGINE_NET_SOCKET_IO_H_
#define MILLRACE_ENGINE_NET_SOCKET_IO_H_

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstddef>

namespace millrace {

// recv and send without the C library's thread-cancellation bracket, which costs an atomic
// operation before and after every call in a process with threads. We never cancel a thread. Same
// results and errno.
inline ssize_t receiveBytes(int fd, void* into, size_t n) noexcept {
  return ::syscall(SYS_recvfrom, fd, into, n, 0, nullptr, nullptr);
}
inline ssize_t sendBytes(int fd, const void* from, size_t n) noexcept {
  return ::syscall(SYS_sendto, fd, from, n, MSG_NOSIGNAL, nullptr, 0);
}

}  // namespace millrace

#endif  // MILLRACE_ENGINE_NET_SOCKET_IO_H_
