{
  "targets": [
    {
      "target_name": "millrace",
      "sources": [
        "native/addon.cc",
        "<!@(ls native/api/*.cc native/engine/*/*.cc)"
      ],
      "include_dirs": ["native", "<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=8",
        "NAPI_DISABLE_CPP_EXCEPTIONS",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED"
      ],
      "cflags_cc!": ["-std=gnu++17", "-fno-rtti"],
      "cflags_cc": [
        "-std=c++20", "-O3", "-flto", "-ffp-contract=off", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden", "-fno-plt",
        "-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Wno-cast-function-type"
      ],
      "ldflags": ["-flto", "-O3", "-Wl,-O1", "-Wl,--gc-sections"],
      "cflags": ["-ffunction-sections"]
    }
  ]
}
