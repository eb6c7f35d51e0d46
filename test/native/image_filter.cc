// Loads the image on the standard input and prints "ok" or why it was refused: for the images of
// the configuration compiler.
#include <iostream>
#include <iterator>
#include <string>

#include "engine/image/image.h"

int main() {
  const std::string bytes(std::istreambuf_iterator<char>(std::cin), {});
  millrace::ImageError error;
  const auto image = millrace::Image::load(std::as_bytes(std::span(bytes)), &error);
  if (image == nullptr) {
    std::cout << error.message << " (section " << error.section << ", row " << error.row << ")\n";
  } else {
    std::cout << "ok\n";
  }
}
